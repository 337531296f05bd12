"""Clean scans without labels by page and API: imported, shown, good for calibration, and for nothing else."""

import io
import re

import pytest

from tests.fixtures.local import N_LOCAL, flat_zip
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp.jobs.service import Jobs

NO_LABELS = "its scans have no labels and serve calibration alone; recalibrate a detector on them, or choose"


def run(site, where):
    job = Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))
    assert job.state == "done", job.error
    return job.artefact_id


@pytest.fixture(scope="module")
def flat(tmp_path_factory):
    return flat_zip(tmp_path_factory.mktemp("flat") / "flat.zip").read_bytes()


@pytest.fixture(scope="module")
def upload_id(site, flat):
    headers = {"X-API-Key": site.keys["admin"]}
    return site.app.test_client().post("/api/v1/uploads?name=flat.zip", headers=headers, data=flat).get_json()["id"]


@pytest.fixture(scope="module")
def flat_id(site, upload_id):
    """Scans in no folder, imported by the API."""
    api, headers = site.app.test_client(), {"X-API-Key": site.keys["admin"]}
    body = {"upload_id": upload_id, "name": "Bare scans", "unlabelled": True}
    return run(site, api.post("/api/v1/datasets", headers=headers, json=body).headers["Location"])


def test_the_api_imports_them_into_one_class_for_calibration(api, admin_key, flat_id):
    facts = api.get(f"/api/v1/datasets/{flat_id}", headers=admin_key).get_json()["facts"]
    assert (facts["n"], facts["classes"]) == (N_LOCAL, ["unlabelled"])
    assert {split: n for split, n in facts["splits"].items() if n} == {"calibration": N_LOCAL}


def test_with_labels_asked_for_the_api_says_this_way_out(site, api, admin_key, upload_id):
    before = n_jobs(site)
    answer = api.post("/api/v1/datasets", headers=admin_key, json={"upload_id": upload_id, "name": "n"})
    assert answer.status_code == 422
    assert "import clean scans as unlabelled" in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


def test_what_is_neither_true_nor_false_is_refused(api, admin_key, upload_id):
    body = {"upload_id": upload_id, "name": "n", "unlabelled": "perhaps"}
    answer = api.post("/api/v1/datasets", headers=admin_key, json=body)
    assert answer.status_code == 422
    assert "unlabelled" in answer.get_json()["error"]["detail"]


@pytest.mark.parametrize("ticked", [False, True])
def test_the_box_of_the_page_decides(site, admin, flat, flat_id, ticked):
    form = {
        "csrf_token": token_of(admin, "/datasets/new"),
        "name": "Bare scans",
        "seed": "0",
        "files": (io.BytesIO(flat), "flat.zip"),
    }
    before = n_jobs(site)
    answer = admin.post("/datasets/new", data=form | ({"unlabelled": "y"} if ticked else {}))
    if ticked:
        assert answer.status_code == 302, answer.text
        # The same scans, and so the same data set.
        assert run(site, answer.location) == flat_id
    else:
        assert answer.status_code == 422
        assert "a box on the page" in answer.text
        assert n_jobs(site) == before


def test_its_page_says_what_it_is_for(site, admin, flat_id):
    text = admin.get(f"/datasets/{flat_id}").text
    assert f"{N_LOCAL} images" in text
    assert "Clean scans without labels, for calibration alone." in text
    assert text.count(f"/datasets/{flat_id}/images/") == 12
    assert "Train a classifier" not in text
    assert "Images of each class and split" not in text
    assert 'href="/detectors/"' in text
    assert admin.get(f"/datasets/{flat_id}/images/0").mimetype == "image/png"
    assert "no labels, for calibration" in admin.get("/datasets/").text
    assert "Train a classifier" in admin.get(f"/datasets/{site.chain.dataset.id}").text


@pytest.mark.parametrize("path", ["/classifiers/train", "/classifiers/import", "/adversarial-sets/new"])
def test_no_form_that_needs_labels_offers_it(site, admin, flat_id, path):
    text = admin.get(f"{path}?dataset={flat_id}").text
    assert f'value="{site.chain.dataset.id}"' in text
    assert flat_id not in text


def test_the_api_refuses_what_needs_labels_before_there_is_a_job(site, api, admin_key, upload_id, flat_id):
    named = {"dataset_id": flat_id, "name": "n"}
    before = n_jobs(site)
    for collection, body in (
        ("classifiers", {}),
        ("classifiers", {"upload_id": upload_id}),
        ("adversarial-sets", {"classifier_id": site.chain.classifier.id}),
    ):
        answer = api.post(f"/api/v1/{collection}", headers=admin_key, json={**named, **body})
        assert answer.status_code == 422, collection
        error = answer.get_json()["error"]
        assert (error["code"], NO_LABELS in error["detail"]) == ("bad_dataset", True), error
    assert n_jobs(site) == before


def test_a_job_that_evaluates_on_it_is_refused(site, flat_id):
    jobs, before = Jobs(site.database, site.settings), n_jobs(site)
    with pytest.raises(ValueError, match=NO_LABELS):
        jobs.enqueue("evaluate", {"classifier_id": site.chain.classifier.id, "dataset_id": flat_id})
    assert n_jobs(site) == before


def test_the_page_recalibrates_on_it_from_the_choice_to_an_active_gate(site, admin, flat_id):
    page = f"/detectors/{site.chain.detector.id}"
    assert "Bare scans" in admin.get(page).text
    where = f"{page}/recalibrate?dataset_id={flat_id}&splits=calibration"
    offered = admin.get(where).text
    assert f"{N_LOCAL} of {N_LOCAL} scans (calibration) can calibrate it" in offered
    assert re.findall(r'name="alpha"[^>]* value="([\d.]+)"', offered) == ["0.1", "0.2"]
    sent = admin.post(where, data={"csrf_token": token_of(admin, where), "name": "For bare", "alpha": "0.1"})
    assert sent.status_code == 302, sent.text
    made = row_of(site, run(site, sent.location))
    assert (made.parents, made.facts["n_calibration"]) == ([site.chain.detector.id, flat_id], N_LOCAL)
    assert list(made.facts["recalibration"]["by_class"]) == ["unlabelled"]
    text = admin.get(f"/detectors/{made.id}").text
    assert f"{N_LOCAL} clean images of Bare scans, calibration" in text
    assert "False alarms on these images" in text
    assert "On which classes the alarms fall" not in text
    assert admin.get(f"/detectors/{made.id}/report").status_code == 200
    form = {
        "csrf_token": token_of(admin, "/gates/new"),
        "name": "bare",
        "detector_id": made.id,
        "alpha_percent": "10",
        "alpha_uncertain_percent": "20",
    }
    gate = row_of(site, run(site, admin.post("/gates/new", data=form).location))
    assert gate.facts["n_calibration"] == N_LOCAL


def test_the_api_recalibrates_on_it(site, api, admin_key, flat_id):
    path = f"/api/v1/detectors/{site.chain.detector.id}/recalibrate"
    answer = api.post(path, headers=admin_key, json={"dataset_id": flat_id, "name": "n", "splits": ["calibration"]})
    assert answer.status_code == 202, answer.text
    assert row_of(site, run(site, answer.headers["Location"])).facts["recalibration"]["n"] == N_LOCAL
    refused = api.post(path, headers=admin_key, json={"dataset_id": flat_id, "name": "n", "splits": ["train"]})
    assert refused.status_code == 422
    assert "Bare scans (train): no scans there; choose splits that have some" in refused.get_json()["error"]["detail"]
