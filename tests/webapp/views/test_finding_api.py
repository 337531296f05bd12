"""Searches for poison by the JSON API."""

from dataclasses import replace

import pytest
from openapi_spec_validator import validate
from sqlalchemy import delete

from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model
from pipeline.poisoning.quick import quick_settings
from tests.webapp.views.lab import FINDING_ID, N_FUSED, N_SUSPECTS
from tests.webapp.views.site import EMAILS, n_jobs
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.suspects import SuspectDecision

FINDINGS = "/api/v1/poisoning/findings"
SHOWN = f"{FINDINGS}/{FINDING_ID}"


@pytest.fixture
def call(lab):
    """Ask the API with an administrator's key, before a search of which nothing is decided."""
    with lab.database.transaction() as session:
        session.execute(delete(SuspectDecision))
    api = lab.app.test_client()

    def call(path, body=None, key="admin"):
        headers = {"X-API-Key": lab.keys[key]}
        return api.get(path, headers=headers) if body is None else api.post(path, headers=headers, json=body)

    return call


def order(lab, **more):
    return {"dataset_id": lab.stamped.id, "classifier_id": lab.of_stamped.id, "name": "By a program", **more}


def test_a_search_is_ordered_watched_and_read(lab, call):
    answer = call(FINDINGS, order(lab, epochs=1))
    assert answer.status_code == 202, answer.text
    job_id = int(answer.headers["Location"].rpartition("/")[2])
    jobs = Jobs(lab.database, lab.settings)
    # The classifier of the clean data that is there is taken, where none is named.
    assert jobs.get(job_id).params["unpoisoned_id"] == lab.of_bars.id
    jobs.run_until_ended(job_id)
    made = call(answer.headers["Location"]).get_json()["artefact_id"]
    told = call(f"{FINDINGS}/{made}").get_json()
    assert (told["id"], told["name"], told["n"], told["n_poisoned"]) == (made, "By a program", 90, 18)
    assert told["unpoisoned"] == {"dataset_id": lab.bars.id, "classifier_id": lab.of_bars.id, "n": 90}
    for finder in told["finders"].values():
        assert {"flagged", "flagged_unpoisoned", "true_positives", "false_positives"} <= set(finder)
        assert set(finder["flagged"]) == {"value", "low", "high", "n_hit", "n"}
    assert "suspects" not in told
    assert made in [one["id"] for one in call(FINDINGS).get_json()["items"]]


@pytest.fixture
def hardened(lab):
    """The newest classifier of the clean data, trained otherwise than that of the poisoned ones."""
    model = build_model(replace(lab.of_bars.spec, std=(0.7,)))
    notes = {"settings": quick_settings(lab.bars).to_json()}
    made = save_classifier(model, lab.root.models, name="h", parents=(lab.bars.id,), notes=notes)
    row = {"id": made.id, "name": "h", "folder": f"models/{made.id}", "parents": [lab.bars.id]}
    with lab.database.transaction() as session:
        session.add(Artefact(kind=ArtefactKind.CLASSIFIER, facts={"classes": list(lab.bars.classes)}, **row))
    yield made
    with lab.database.transaction() as session:
        session.delete(session.get_one(Artefact, made.id))


def test_an_alarm_rate_comes_from_a_classifier_that_was_trained_alike(lab, call, hardened):
    def beside(**more):
        answer = call(FINDINGS, order(lab, epochs=1, **more))
        job_id, jobs = int(answer.headers["Location"].rpartition("/")[2]), Jobs(lab.database, lab.settings)
        jobs.cancel(job_id)
        return jobs.get(job_id).params["unpoisoned_id"]

    assert beside() == lab.of_bars.id
    assert beside(unpoisoned_id=hardened.id) == hardened.id


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"dataset_id": "gone"}, 404, "no data set with the id gone"),
        ({"classifier_id": "gone"}, 404, "no classifier with the id gone"),
        ({"trusted_id": "gone"}, 404, "no trusted subset with the id gone"),
        ({"unpoisoned_id": "gone"}, 404, "no classifier with the id gone"),
        ({"classifier_id": "of_bars"}, 422, "of bars was not trained on stamped"),
        ({"classifier_id": "imported"}, 422, "imported was not trained on stamped"),
        ({"unpoisoned_id": "of_stamped"}, 422, "of stamped was not trained on bars"),
        ({"epochs": 0}, 422, "epochs"),
        ({"name": " "}, 422, "The name is blank"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_and_makes_no_job(lab, call, more, status, said):
    known = {row["name"]: row["id"] for row in call("/api/v1/classifiers").get_json()["items"]}
    ids = {"of_bars": known["of bars"], "of_stamped": known["of stamped"], "imported": known["imported"]}
    n = n_jobs(lab)
    answer = call(FINDINGS, order(lab, **{name: ids.get(value, value) for name, value in more.items()}))
    assert answer.status_code == status, answer.text
    assert said in answer.get_json()["error"]["detail"]
    assert n_jobs(lab) == n


def test_suspects_are_paged_and_filtered(lab, call):
    first = call(f"{SHOWN}/suspects").get_json()
    assert (first["page"], first["n_pages"], first["n_total"]) == (1, 2, N_FUSED)
    assert first["items"][0] == {
        "item": 0,
        "name": lab.stamped.items[0].name,
        "label": "left",
        "suggested": "middle",
        "score": 1.0,
        "scores": {"fused": 1.0, "patch scan": 0.0, "confident labels": 0.0},
        "image": f"{SHOWN}/suspects/0/image",
        "flagged_by": ["fused", "patch scan"],
        "decision": None,
        "decided_label": None,
        "by": None,
        "at": None,
    }
    second = call(f"{SHOWN}/suspects?page=2").get_json()
    assert [one["item"] for one in second["items"]] == list(range(24, N_FUSED))
    labels = call(f"{SHOWN}/suspects?finder=confident+labels").get_json()
    assert [one["suggested"] for one in labels["items"]] == [None] * (N_SUSPECTS - N_FUSED)
    patches = call(f"{SHOWN}/suspects?finder=patch+scan").get_json()["items"]
    assert [one["score"] for one in patches] == sorted((one["scores"]["patch scan"] for one in patches), reverse=True)
    assert call(f"{SHOWN}/suspects?finder=any").get_json()["n_total"] == N_SUSPECTS
    assert call(f"{SHOWN}/suspects?finder=nobody").status_code == 422
    assert call(f"{FINDINGS}/gone/suspects").status_code == 404


def test_the_picture_of_a_suspect_is_read(call):
    answer = call(f"{SHOWN}/suspects/0/image")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.data.startswith(b"\x89PNG")
    assert "is no suspect of this search" in call(f"{SHOWN}/suspects/89/image").get_json()["error"]["detail"]
    assert call(f"{FINDINGS}/gone/suspects/0/image").status_code == 404
    assert call(f"{SHOWN}/suspects/0/image", key="screen").status_code == 403


def test_decisions_are_made_counted_listed_and_undone(call):
    told = call(f"{SHOWN}/decisions", {"decision": "relabel", "items": [0, 3], "label": "right"}).get_json()
    assert told == {
        "n_decided": 2,
        "n_left": 0,
        "decisions": {"undecided": N_SUSPECTS - 2, "drop": 0, "relabel": 2, "clear": 0},
    }
    assert call(f"{SHOWN}/decisions", {"decision": "drop", "items": [3]}).get_json()["decisions"]["drop"] == 1
    (one,) = call(f"{SHOWN}/suspects?decision=relabel").get_json()["items"]
    assert (one["item"], one["decided_label"], one["by"]) == (0, "right", EMAILS["admin"])
    assert one["at"].endswith("+00:00")
    told = call(f"{SHOWN}/decisions", {"decision": "relabel", "finder": "any"}).get_json()
    assert (told["n_decided"], told["n_left"]) == (N_FUSED - 2, N_SUSPECTS - N_FUSED)
    assert call(f"{SHOWN}/decisions", {"decision": "undo", "finder": "any"}).get_json()["n_decided"] == N_FUSED
    assert call(f"{SHOWN}/decisions", {"decision": "undo", "finder": "any"}).get_json()["n_decided"] == 0
    assert call(SHOWN).get_json()["decisions"]["undecided"] == N_SUSPECTS


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"decision": "drop", "items": [0, 89]}, "image 89 of stamped is no suspect"),
        ({"decision": "undo", "items": [89]}, "image 89 of stamped is no suspect"),
        ({"decision": "relabel", "items": [0], "label": "up"}, "no class 'up'; its classes are left, middle, right"),
        ({"decision": "relabel", "items": [0], "label": "3"}, "no class '3'"),
        ({"decision": "relabel", "items": [0], "label": "left"}, "image 0 is labelled left already"),
        ({"decision": "relabel", "items": [0, N_FUSED]}, f"no class is suggested for image {N_FUSED}"),
        ({"decision": "drop", "items": [0], "label": "right"}, "Only what is relabelled takes a class"),
        ({"decision": "drop"}, "either items or a finder"),
        ({"decision": "drop", "items": [0], "finder": "fused"}, "either items or a finder"),
        ({"decision": "drop", "finder": "trusted reference"}, "no finder 'trusted reference' was asked"),
        ({"decision": "drop", "finder": "nobody"}, "finder"),
        ({"decision": "burn", "items": [0]}, "decision"),
        ({"decision": "drop", "items": []}, "items"),
        ({"decision": "drop", "items": [-1]}, "items"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_changes_nothing(call, body, said):
    answer = call(f"{SHOWN}/decisions", body)
    assert answer.status_code == 422, answer.text
    assert said in answer.get_json()["error"]["detail"]
    assert call(SHOWN).get_json()["decisions"]["undecided"] == N_SUSPECTS


def test_a_key_for_screening_reads_and_decides_nothing(call):
    for path in (FINDINGS, SHOWN, f"{SHOWN}/suspects", "/api/v1/trusted-subsets"):
        assert call(path, key="screen").status_code == 403
    assert call(f"{SHOWN}/decisions", {"decision": "drop", "items": [0]}, key="screen").status_code == 403
    assert call(f"{FINDINGS}/gone").status_code == 404
    assert call(f"{FINDINGS}/gone/decisions", {"decision": "drop", "items": [0]}).status_code == 404


def test_the_document_is_whole_and_has_an_example_of_each_order(lab):
    spec = lab.app.test_client().get("/api/v1/openapi.json").get_json()
    validate(spec)
    for path in (FINDINGS, f"{FINDINGS}/{{finding_id}}/decisions", "/api/v1/trusted-subsets"):
        body = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        schema = spec["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        assert set(body["example"]) <= set(schema["properties"])
    assert "Digits of spring" in lab.app.test_client().get("/api/v1/docs").text
