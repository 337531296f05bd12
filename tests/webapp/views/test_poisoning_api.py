"""The poisoning lab by the JSON API."""

import pytest
from openapi_spec_validator import validate

from tests.webapp.views.own import copied, unhardened
from tests.webapp.views.site import n_jobs
from webapp.jobs.service import Jobs


def ordered(site, api, admin_key, collection, **body):
    asked = {"dataset_id": site.chain.dataset.id, "name": "By a program", "epochs": 1, **body}
    return api.post(f"/api/v1/poisoning/{collection}", headers=admin_key, json=asked)


def done(site, api, admin_key, answer):
    assert answer.status_code == 202, answer.text
    where = answer.headers["Location"]
    Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))
    told = api.get(where, headers=admin_key).get_json()
    assert told["state"] == "done", told["error"]
    return told["artefact_id"]


def test_flips_are_ordered_and_their_report_is_read(site, api, admin_key):
    answer = ordered(site, api, admin_key, "flips", kind="pairwise", source="left", target="1", ratio=0.5)
    run_id = done(site, api, admin_key, answer)
    told = api.get(f"/api/v1/poisoning/runs/{run_id}", headers=admin_key).get_json()
    assert (told["id"], told["name"], told["lab"]) == (run_id, "By a program", "flips")
    assert [(pair["source"], pair["target"]) for pair in told["pairs"]] == [(0, 1), (1, 0)]
    assert "nothing in the data can tell flips from truth" in told["warning"]
    assert len(told["poisoned"]["history"]) == 1
    assert (told["replay"], told["made_before_by"]) == (None, {})
    answer = api.post(f"/api/v1/poisoning/runs/{run_id}/replay", headers=admin_key)
    assert done(site, api, admin_key, answer) == run_id
    again = api.get(f"/api/v1/poisoning/runs/{run_id}", headers=admin_key).get_json()
    assert (again["replay"]["same"], [one["same"] for one in again["replay"]["sets"]]) == (True, [True])
    assert (again["replay"]["same_weights"], again["replay"]["sets"][0]["classifiers"]) == (None, [])
    body = {"train_again": True}
    answer = api.post(f"/api/v1/poisoning/runs/{run_id}/replay", headers=admin_key, json=body)
    assert done(site, api, admin_key, answer) == run_id
    again = api.get(f"/api/v1/poisoning/runs/{run_id}", headers=admin_key).get_json()
    assert (again["replay"]["same_weights"], len(again["replay"]["sets"][0]["classifiers"])) == (True, 2)
    assert api.post("/api/v1/poisoning/runs/gone/replay", headers=admin_key).status_code == 404
    listed = api.get("/api/v1/poisoning/runs", headers=admin_key).get_json()
    assert run_id in [row["id"] for row in listed["items"]]


def test_a_backdoor_is_ordered_and_its_report_is_read(site, api, admin_key):
    classifier_id = site.chain.classifier.id
    more = {"perturbation": {"eps": 0.5, "steps": 2}, "proxy_id": classifier_id, "original_id": classifier_id}
    answer = ordered(site, api, admin_key, "backdoors", target="right", rate=0.1, labels="clean", **more)
    told = api.get(f"/api/v1/poisoning/runs/{done(site, api, admin_key, answer)}", headers=admin_key).get_json()
    assert [row["what"] for row in told["rows"]] == ["clean-label backdoor", "control without perturbation"]
    assert told["rates"]["of_all"] == pytest.approx(0.1, abs=0.01)
    assert set(told["original"]["success"]) == {"value", "low", "high", "n_hit", "n"}
    assert told["original"]["classifier_id"] == classifier_id


def test_the_textbook_is_ordered_by_its_data_set_alone(site, admin_key, tmp_path):
    with copied(site, tmp_path / "root") as own:
        _textbook_by_api(unhardened(own), admin_key)


def _textbook_by_api(site, admin_key):
    api = site.app.test_client()

    def order(**body):
        answer = api.post("/api/v1/poisoning/backdoors/textbook", headers=admin_key, json=body)
        if answer.status_code != 202:
            return answer
        jobs, job_id = Jobs(site.database, site.settings), int(answer.headers["Location"].rpartition("/")[2])
        jobs.cancel(job_id)
        return jobs.get(job_id).params

    dataset = site.chain.dataset
    usual = order(dataset_id=dataset.id)
    assert (usual["name"], usual["settings"]) == ("Tiny, textbook backdoor", {})
    assert (usual["recipe"]["labels"], usual["recipe"]["rate"], usual["recipe"]["target"]) == ("clean", 0.05, 0)
    assert usual["hardening"]["method"] == "fast"
    named = order(dataset_id=dataset.id, name="By the book", epochs=2)
    assert (named["name"], named["settings"]) == ("By the book", {"epochs": 2})
    assert order(dataset_id="gone").status_code == 404
    assert "rate" in order(dataset_id=dataset.id, rate=0.1).get_json()["error"]["detail"]


def test_a_backdoor_has_its_proxy_trained_by_the_run(site, api, admin_key):
    answer = ordered(site, api, admin_key, "backdoors", labels="clean", perturbation={}, rate=0.1, train_proxy=True)
    assert answer.status_code == 202, answer.text
    jobs, job_id = Jobs(site.database, site.settings), int(answer.headers["Location"].rpartition("/")[2])
    jobs.cancel(job_id)
    asked = jobs.get(job_id).params
    assert (asked["proxy_id"], asked["hardening"]["method"], jobs.get(job_id).n_shards) == (None, "fast", 7)


@pytest.mark.parametrize("kind", ["cyclic", "uniform"])
def test_flips_of_every_class_name_none(site, api, admin_key, kind):
    answer = ordered(site, api, admin_key, "flips", kind=kind, ratio=0.1)
    assert answer.status_code == 202, answer.text
    api.post(f"{answer.headers['Location']}/cancel", headers=admin_key)


@pytest.mark.parametrize(
    ("collection", "body", "status", "said"),
    [
        ("flips", {"source": "left", "target": "right", "ratio": 0.51}, 422, "0.5"),
        ("flips", {"source": "left", "target": "right", "ratio": 0}, 422, "are none; give a higher ratio"),
        ("flips", {"source": "left", "target": "left"}, 422, "source and target are both class 0"),
        ("flips", {"source": "left", "target": "up"}, 422, "no class 'up'; its classes are left, right"),
        ("flips", {"source": "left"}, 422, "name source and target"),
        ("flips", {"kind": "cyclic", "source": "left"}, 422, "leave source and target out"),
        ("flips", {"source": "0", "target": "1", "dataset_id": "gone"}, 404, "no data set with the id gone"),
        ("flips", {"source": "0", "target": "1", "original_id": "gone"}, 404, "no classifier with the id gone"),
        ("flips", {"source": "0", "target": "1", "colour": "red"}, 422, "colour"),
        ("backdoors", {"trigger": {"place": "31,31"}}, 422, "lies off an image of 32x32"),
        ("backdoors", {"trigger": {"place": "middle"}}, 422, "give top-left"),
        ("backdoors", {"rate": 0.0001}, 422, "are none; give a higher rate"),
        ("backdoors", {"target": "2"}, 422, "no class '2'"),
        ("backdoors", {"labels": "clean", "perturbation": {}}, 422, "needs a proxy"),
        (
            "backdoors",
            {"labels": "clean", "perturbation": {}, "proxy_id": "gone"},
            404,
            "no classifier with the id gone",
        ),
        ("backdoors", {"perturbation": {}}, 422, "a perturbation of dirty-label images"),
        ("backdoors", {"labels": "clean", "train_proxy": True}, 422, "without perturbation takes no proxy"),
        ("backdoors", {"train_proxy": True, "proxy_id": "gone"}, 422, "leave out one of proxy_id and train_proxy"),
        ("backdoors", {"strength": 0}, 422, "A strength is above 0"),
    ],
)
def test_what_cannot_be_is_refused_and_makes_no_job(site, api, admin_key, collection, body, status, said):
    n = n_jobs(site)
    answer = ordered(site, api, admin_key, collection, **body)
    assert answer.status_code == status, answer.text
    assert said in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == n


def test_an_order_that_is_not_json_is_refused(api, admin_key):
    assert api.post("/api/v1/poisoning/flips", headers=admin_key, data={"name": "n"}).status_code == 415


def test_a_key_for_screening_orders_nothing(api, key):
    assert api.post("/api/v1/poisoning/flips", headers=key, json={}).status_code == 403
    assert api.get("/api/v1/poisoning/runs", headers=key).status_code == 403


def test_the_document_is_whole_and_has_an_example_of_each_order(api):
    spec = api.get("/api/v1/openapi.json").get_json()
    validate(spec)
    for collection in ("flips", "backdoors", "backdoors/textbook"):
        body = spec["paths"][f"/api/v1/poisoning/{collection}"]["post"]["requestBody"]["content"]["application/json"]
        schema = spec["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        assert set(body["example"]) <= set(schema["properties"])
    page = api.get("/api/v1/docs").text
    assert "20 % of 4 as 9" in page
