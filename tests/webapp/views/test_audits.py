"""Audits of classifiers as pages and by the API: ordered, carried out, and what is no order."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from openapi_spec_validator import validate

from datasets.decoding import decode
from pipeline.artefacts import DataRoot
from pipeline.poisoning.quick import quick_settings
from pipeline.training.train import train_classifier
from tests.pipeline.poisoning.pictures import CLASSES, pictures
from tests.webapp.views.own import copied
from tests.webapp.views.site import Site, n_jobs, token_of
from webapp import audits
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact

NEW = "/lab/poisoning/audits/new"


@pytest.fixture(scope="module")
def bars(site, tmp_path_factory) -> Iterator[tuple[Site, str, str]]:
    """A site of its own with a data set and a classifier of three classes."""
    with copied(site, tmp_path_factory.mktemp("audits") / "root") as own:
        root = DataRoot(own.settings.data_root)
        dataset = pictures(root.datasets, n_train=30, n_test=12)
        how = replace(quick_settings(dataset), epochs=1, batch_size=16)
        classifier = train_classifier(dataset, how, root.models, work=root.work, name="bars")
        with own.database.transaction() as session:
            for kind, one, parents in (
                ("dataset", dataset, []),
                ("classifier", classifier, [dataset.id]),
            ):
                folder = str(one.folder.relative_to(own.settings.data_root))
                facts = {"classes": list(CLASSES), "splits": {"train": 30, "test": 12}, "n": 42}
                row = Artefact(
                    id=one.id, kind=kind, name=f"{one.name} {kind}", folder=folder, parents=parents, facts=facts
                )
                session.add(row)
        yield own, classifier.id, dataset.id


@pytest.fixture(scope="module")
def audit(bars) -> str:
    """The id of an audit that was ordered on the page."""
    own, classifier_id, dataset_id = bars
    answer = send(own, classifier_id, dataset_id=dataset_id)
    assert answer.status_code == 302, answer.text
    job_id = int(answer.location.rpartition("/")[2])
    jobs = Jobs(own.database, own.settings)
    jobs.run_until_ended(job_id)
    told = jobs.progress(job_id)
    assert told.state == "done", told.error
    assert told.artefact_id
    page = own.client("admin").get(f"/jobs/{job_id}").text
    assert f'href="/lab/poisoning/audits/{told.artefact_id}"' in page
    return told.artefact_id


def send(own, classifier_id, **form):
    admin, where = own.client("admin"), f"{NEW}?classifier={classifier_id}"
    asked = {"name": "Looked at", "n_images": "6", "seed": "3", **form}
    return admin.post(where, data={**asked, "csrf_token": token_of(admin, where)})


def test_the_page_shows_each_class_with_its_mark_and_what_is_not_cleared(bars, audit):
    own, classifier_id, dataset_id = bars
    admin = own.client("admin")
    page = admin.get(f"/lab/poisoning/audits/{audit}").text
    for name in CLASSES:
        assert f'alt="The mark of {name}"' in page
    for words in ("Looked at", "Anomaly index", "What it does not clear", "no proof", "on 6 test images", "seed 3"):
        assert words in page
    assert f'href="/classifiers/{classifier_id}"' in page
    assert f'href="/datasets/{dataset_id}"' in page
    assert not re.search(r"<script(?! src=)|<style|\sstyle=", page)
    for label in range(3):
        answer = admin.get(f"/lab/poisoning/audits/{audit}/marks/{label}.png")
        assert (answer.status_code, answer.mimetype) == (200, "image/png")
        assert decode(answer.data).levels.shape[:2] == (16, 16)
    assert admin.get(f"/lab/poisoning/audits/{audit}/marks/3.png").status_code == 404


def test_it_is_listed_and_linked_from_the_lab_and_the_classifier(bars, audit):
    own, classifier_id, _ = bars
    admin = own.client("admin")
    assert f'href="/lab/poisoning/audits/{audit}"' in admin.get("/lab/poisoning/audits/").text
    assert 'href="/lab/poisoning/audits/"' in admin.get("/lab/poisoning/").text
    shown = admin.get(f"/classifiers/{classifier_id}").text
    assert f'href="{NEW}?classifier={classifier_id}"' in shown
    assert f'href="/lab/poisoning/audits/{audit}"' in shown


def test_the_same_order_gives_the_same_audit_by_the_api(bars, audit):
    own, classifier_id, dataset_id = bars
    api, headers = own.app.test_client(), {"X-API-Key": own.keys["admin"]}
    body = {"classifier_id": classifier_id, "dataset_id": dataset_id, "name": "Again", "n_images": 6, "seed": 3}
    answer = api.post("/api/v1/poisoning/audits", headers=headers, json=body)
    assert answer.status_code == 202
    job = Jobs(own.database, own.settings).run_until_ended(answer.get_json()["id"])
    assert job.artefact_id == audit
    told = api.get(f"/api/v1/poisoning/audits/{audit}", headers=headers).get_json()
    assert [row["class"] for row in told["classes"]] == list(CLASSES)
    assert {"norm", "success", "anomaly_index", "suspected"} <= set(told["classes"][0])
    assert told["said"]
    listed = api.get("/api/v1/poisoning/audits", headers=headers).get_json()
    assert [row["id"] for row in listed["items"]] == [audit]
    mark = api.get(f"/api/v1/poisoning/audits/{audit}/marks/0", headers=headers)
    assert mark.data == own.client("admin").get(f"/lab/poisoning/audits/{audit}/marks/0.png").data
    report = own.client("admin").get(f"/lab/poisoning/audits/{audit}/report.json")
    assert report.get_json() == told


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"n_images": "0"}, "Use 1 to 2,000"),
        ({"n_images": "2001"}, "Use 1 to 2,000"),
        ({"n_images": "many"}, "This is no whole number"),
        ({"seed": "-1"}, "Use 0 or more"),
        ({"name": ""}, "Give it a name"),
        ({"dataset_id": "gone"}, "Not a valid choice"),
    ],
)
def test_a_form_that_cannot_be_is_refused_and_kept(bars, form, said):
    own, classifier_id, dataset_id = bars
    n = n_jobs(own)
    answer = send(own, classifier_id, **{"dataset_id": dataset_id, **form})
    assert answer.status_code == 422
    assert said in answer.text
    assert n_jobs(own) == n


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"classifier_id": "gone"}, 404, "no classifier with the id gone"),
        ({"dataset_id": "gone"}, 404, "no data set with the id gone"),
        ({"n_images": 0}, 422, "n_images"),
        ({"seed": -1}, 422, "seed"),
        ({"name": " "}, 422, "The name is blank"),
        ({"colour": "red"}, 422, "colour"),
        ({"dataset_id": "tiny"}, 422, "tells apart left, middle, right; tiny has left, right"),
        ({"classifier_id": "tiny", "dataset_id": "tiny"}, 422, "tells 2 classes apart"),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_makes_no_job(bars, body, status, said):
    own, classifier_id, dataset_id = bars
    n, api, headers = n_jobs(own), own.app.test_client(), {"X-API-Key": own.keys["admin"]}
    tiny = {"dataset_id": own.chain.dataset.id, "classifier_id": own.chain.classifier.id}
    asked = {"classifier_id": classifier_id, "dataset_id": dataset_id, "name": "n", **body}
    asked = {name: tiny[name] if value == "tiny" else value for name, value in asked.items()}
    answer = api.post("/api/v1/poisoning/audits", headers=headers, json=asked)
    assert answer.status_code == status, answer.text
    assert said in answer.get_json()["error"]["detail"]
    assert n_jobs(own) == n


def test_without_a_classifier_of_three_classes_the_way_is_told(site, bars):
    page = site.client("admin").get(NEW).text
    assert "There is no classifier of three classes or more" in page
    assert site.client("admin").get(f"{NEW}?classifier=gone").status_code == 404
    own, classifier_id, _ = bars
    offered = own.client("admin").get(NEW).text
    assert f'value="{classifier_id}"' in offered
    assert own.chain.classifier.id not in offered


def test_a_key_for_screening_orders_no_audit(site, api, key):
    assert api.post("/api/v1/poisoning/audits", headers=key, json={}).status_code == 403
    validate(api.get("/api/v1/openapi.json").get_json())


def test_a_changed_classifier_is_not_audited(bars, tmp_path):
    own, classifier_id, dataset_id = bars
    with copied(own, tmp_path / "root") as other:
        path = other.settings.data_root / "models" / classifier_id / "classifier.json"
        path.write_text(path.read_text().replace('"name": "bars"', '"name": "bards"', 1))
        jobs = Jobs(other.database, other.settings)
        params = {"classifier_id": classifier_id, "dataset_id": dataset_id, "name": "n", "n_images": 6, "seed": 0}
        job = jobs.run_until_ended(jobs.enqueue("audit_classifier", params).id)
        assert job.state == "failed"
        assert "is not what its history says: classifier.json" in job.error


def test_audits_under_way_are_listed(bars):
    own, classifier_id, dataset_id = bars
    answer = send(own, classifier_id, dataset_id=dataset_id)
    client, jobs = own.client("admin"), Jobs(own.database, own.settings)
    page = client.get("/lab/poisoning/audits/").text
    jobs.cancel(int(answer.location.rpartition("/")[2]))
    assert f'href="{answer.location}"' in page.partition("Under way")[2]


def test_a_suspicion_leads_to_what_the_classifier_learned_from(bars, audit):
    own, classifier_id, dataset_id = bars
    client, where = own.client("admin"), f"/lab/poisoning/audits/{audit}"
    file = own.settings.data_root / "reports" / audit / "audit.json"
    kept = file.read_text()
    told = json.loads(kept)
    for one in told["classes"]:
        one["suspected"] = False
    file.write_text(json.dumps(told))
    quiet = client.get(where).text
    told["classes"][0]["suspected"] = True
    file.write_text(json.dumps(told))
    loud = client.get(where).text
    file.write_text(kept)
    way = f"/lab/poisoning/finding/new?dataset={dataset_id}&amp;classifier={classifier_id}"
    assert way not in quiet
    assert f'href="{way}">Look for poison in bars dataset' in loud


def test_a_suspected_class_leads_to_its_images(bars, audit, monkeypatch):
    own, _, dataset_id = bars
    real = audits.audit_of

    def suspicious(row):
        told = real(row)
        classes = [{**one, "suspected": one["class"] == "middle"} for one in told["classes"]]
        return {**told, "classes": classes}

    monkeypatch.setattr(audits, "audit_of", suspicious)
    page = own.client("admin").get(f"/lab/poisoning/audits/{audit}").text
    link = f'href="/datasets/{dataset_id}/images?label=1&amp;split=train"'
    assert page.count(link) == 2
    assert "Training images of middle in " in page
    assert f"/datasets/{dataset_id}/images?label=0" not in page
