"""Repairs by the JSON API."""

import pytest
from openapi_spec_validator import validate

from tests.webapp.views.repairing import finding, job_done, poisoned, truth
from tests.webapp.views.site import n_jobs
from webapp.queries import repairs
from webapp.records.artefacts import Artefact
from webapp.records.jobs import Job

WHERE = "/api/v1/poisoning/repairs"


@pytest.fixture(scope="module")
def suspected(site):
    return poisoned(site)


@pytest.fixture
def found(site, suspected):
    row = finding(site, *suspected, "aboutapi")
    yield row
    with site.database.transaction() as session:
        session.delete(session.get(Artefact, row.id))


def body(suspected, **more):
    return {"name": "By a program", "dataset_id": suspected[0], "classifier_id": suspected[1], "epochs": 1, **more}


def test_a_repair_is_ordered_and_its_report_is_read(site, api, admin_key, suspected):
    bad = truth(site, suspected[0])
    asked = body(suspected, drop=[bad[1], bad[0]], relabel={str(bad[2]): "left", str(bad[3]): "0"})
    answer = api.post(WHERE, headers=admin_key, json=asked)
    assert answer.status_code == 202, answer.text
    made = job_done(site, int(answer.headers["Location"].rpartition("/")[2]))
    told = api.get(f"{WHERE}/{made}", headers=admin_key).get_json()
    assert (told["id"], told["name"], told["dataset_id"], told["finding_id"]) == (
        made,
        "By a program",
        suspected[0],
        None,
    )
    assert [row["item"] for row in told["dropped"]] == bad[:2]
    assert [(row["item"], row["from"], row["to"]) for row in told["relabelled"]] == [(bad[2], 1, 0), (bad[3], 1, 0)]
    assert (told["truth"]["n_dropped"], told["truth"]["n_restored"]) == (2, 2)
    assert told["before"]["classifier_id"] == suspected[1]
    listed = api.get(WHERE, headers=admin_key).get_json()
    assert made in [row["id"] for row in listed["items"]]


def test_what_is_confirmed_in_a_finding_is_ordered(site, api, admin_key, suspected, found, monkeypatch):
    bad = truth(site, suspected[0])
    monkeypatch.setattr(repairs, "confirmed", lambda finding_id: (bad[:1], {bad[1]: 0}))
    answer = api.post(WHERE, headers=admin_key, json={"name": "Confirmed", "finding_id": found.id})
    assert answer.status_code == 202, answer.text
    with site.database.reading() as session:
        params = session.get(Job, answer.get_json()["id"]).params
    assert (params["drop"], params["relabel"], params["settings"]) == (bad[:1], {str(bad[1]): 0}, {})
    assert (params["dataset_id"], params["finding_id"]) == (suspected[0], found.id)


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({}, 422, "no image is confirmed or named; confirm suspects of a search, or name images"),
        ({"drop": [0], "relabel": {"0": "left"}}, 422, "item 0 is both dropped and relabelled"),
        ({"drop": [999999]}, 422, "item 999999 is no training image"),
        ({"drop": [-1]}, 422, "drop"),
        ({"relabel": {"x": "left"}}, 422, "relabel: 'x' is no number of an image"),
        ({"relabel": {"7": "left", "07": "right"}}, 422, "relabel: item 7 is named twice"),
        ({"relabel": {"0": "middle"}}, 422, "has no class 'middle'"),
        ({"drop": [0], "classifier_id": None}, 422, "no classifier_id; name both, or a finding_id"),
        ({"drop": [0], "dataset_id": None, "classifier_id": None}, 422, "no dataset_id and no classifier_id"),
        ({"drop": [0], "dataset_id": "gone"}, 404, "no data set with the id gone"),
        ({"drop": [0], "classifier_id": "gone"}, 404, "no classifier with the id gone"),
        ({"drop": [0], "trusted_id": "gone"}, 404, "no trusted subset with the id gone"),
        ({"drop": [0], "epochs": 0}, 422, "epochs"),
        ({"drop": [0], "colour": "red"}, 422, "colour"),
        ({"finding_id": "gone", "drop": [0]}, 422, "a finding and dataset_id, classifier_id, drop are given"),
        (
            {"finding_id": "gone", "dataset_id": None, "classifier_id": None},
            404,
            "no search for poison with the id gone",
        ),
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_job(site, api, admin_key, suspected, more, status, said):
    n = n_jobs(site)
    answer = api.post(WHERE, headers=admin_key, json=body(suspected) | more)
    assert answer.status_code == status, answer.text
    assert said in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == n


def test_a_classifier_of_other_data_is_refused(site, api, admin_key, suspected):
    asked = body(suspected, drop=[0]) | {"dataset_id": site.chain.dataset.id}
    answer = api.post(WHERE, headers=admin_key, json=asked)
    assert answer.status_code == 422
    assert "was not trained on" in answer.get_json()["error"]["detail"]


def test_an_order_that_is_not_json_and_a_key_for_screening_are_refused(api, admin_key, key):
    assert api.post(WHERE, headers=admin_key, data={"name": "n"}).status_code == 415
    assert api.post(WHERE, headers=key, json={}).status_code == 403
    assert api.get(WHERE, headers=key).status_code == 403
    assert api.get(f"{WHERE}/gone", headers=admin_key).status_code == 404


def test_the_document_is_whole_and_its_example_names_what_the_schema_knows(api):
    spec = api.get("/api/v1/openapi.json").get_json()
    validate(spec)
    content = spec["paths"][WHERE]["post"]["requestBody"]["content"]["application/json"]
    schema = spec["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
    assert set(content["example"]) <= set(schema["properties"])
    page = api.get("/api/v1/docs").text
    assert "Three images mended" in page
