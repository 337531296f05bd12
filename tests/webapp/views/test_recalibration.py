"""Recalibration by page and API, and the two rates of a gate."""

import html
import re

import pytest

from tests.fixtures.local import N_LOCAL, local_zip
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp.jobs.service import Jobs


def run(site, where):
    return Jobs(site.database, site.settings).run_until_ended(int(where.rpartition("/")[2]))


@pytest.fixture(scope="module")
def local_id(site, tmp_path_factory):
    """Clean scans of a noisier scanner, imported by the API."""
    api, headers = site.app.test_client(), {"X-API-Key": site.keys["admin"]}
    data = local_zip(tmp_path_factory.mktemp("local") / "local.zip").read_bytes()
    upload = api.post("/api/v1/uploads?name=local.zip", headers=headers, data=data).get_json()
    body = {"upload_id": upload["id"], "name": "Scanner B"}
    return run(site, api.post("/api/v1/datasets", headers=headers, json=body).headers["Location"]).artefact_id


@pytest.fixture
def page(site):
    return f"/detectors/{site.chain.detector.id}"


def test_a_detectors_page_offers_every_data_set_and_split(admin, page, local_id):
    text = admin.get(page).text
    assert f'action="{page}/recalibrate"' in text
    assert "Scanner B" in text
    assert all(f'value="{split}"' in text for split in ("train", "val", "detector", "calibration", "test"))


def test_the_page_says_what_the_scans_support_before_anything_is_ordered(site, admin, page, local_id):
    before = n_jobs(site)
    text = admin.get(f"{page}/recalibrate?dataset_id={local_id}").text
    assert f"{N_LOCAL} of {N_LOCAL} scans (all splits) can calibrate it" in text
    assert re.findall(r'name="alpha"[^>]* value="([\d.]+)"', text) == ["0.1", "0.2"]
    assert re.search(r"10\.0 %: the true rate lies between 4.\d % and 17.\d %", text)
    assert "1.0 % from 300 on" in text
    assert "5.0 % from 81 on" in text
    assert n_jobs(site) == before


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "train: the classifier learns from it"),
        ("&splits=detector", "detector: the detector learns from it"),
        ("&splits=test&splits=calibration", "test: reports are measured on it"),
        ("&splits=nowhere", "no split nowhere; use train"),
    ],
)
def test_scans_that_made_the_detector_are_refused_with_the_reason(site, admin, page, query, says):
    answer = admin.get(f"{page}/recalibrate?dataset_id={site.chain.dataset.id}{query}")
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert 'name="alpha"' not in answer.text


def test_its_own_calibration_split_is_offered(site, admin, page):
    answer = admin.get(f"{page}/recalibrate?dataset_id={site.chain.dataset.id}&splits=calibration")
    assert answer.status_code == 200
    assert 'name="alpha"' in answer.text


def test_an_unknown_data_set_is_not_found(admin, page):
    assert admin.get(f"{page}/recalibrate?dataset_id=none").status_code == 404
    assert admin.get("/detectors/none/recalibrate").status_code == 404


@pytest.mark.parametrize(
    ("name", "alpha", "says"),
    [
        ("here", "0.01", "80 clean calibration images cannot support a false-alarm rate of 0.01"),
        ("here", "nan", "expected within (0, 0.5]"),
        ("here", "x", "could not coerce"),
        ("here", None, "Choose a rate."),
        ("", "0.1", "Give it a name."),
    ],
)
def test_a_form_that_cannot_be_sent_says_why_and_orders_nothing(site, admin, page, local_id, name, alpha, says):
    before, where = n_jobs(site), f"{page}/recalibrate?dataset_id={local_id}"
    form = {"csrf_token": token_of(admin, where), "name": name} | ({"alpha": alpha} if alpha else {})
    answer = admin.post(where, data=form)
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert n_jobs(site) == before


def test_a_sent_form_becomes_a_detector_that_says_what_changed(site, admin, page, local_id):
    old = row_of(site, site.chain.detector.id)
    where = f"{page}/recalibrate?dataset_id={local_id}"
    sent = admin.post(where, data={"csrf_token": token_of(admin, where), "name": "For B", "alpha": "0.1"})
    assert sent.status_code == 302, sent.text
    job = run(site, sent.location)
    assert job.state == "done", job.error
    made = row_of(site, job.artefact_id)
    assert (made.name, made.parents) == ("For B", [old.id, local_id])
    assert made.facts["weights_sha256"] == old.facts["weights_sha256"]
    assert made.facts["recalibration"]["alpha"] == made.facts["report"]["alpha"] == 0.1
    text = admin.get(f"/detectors/{made.id}").text
    assert f"{N_LOCAL} clean images of Scanner B, all splits" in text
    assert "What recalibration changed" in text
    assert "Clean images would be held for nothing" in text
    assert "for which this calibration promises nothing" in text
    assert "How it does on each attack" in text
    assert f"/gates/new?detector={made.id}&amp;percent=10.0" in text
    assert 'value="10.0"' in admin.get(f"/gates/new?detector={made.id}&percent=10.0").text
    after = row_of(site, old.id)
    assert (after.name, after.parents, after.facts) == (old.name, old.parents, old.facts)
    assert "What recalibration changed" not in admin.get(page).text


def test_the_api_orders_it_and_a_detector_of_just_these_scans_is_refused(site, api, admin_key, local_id):
    path, body = f"/api/v1/detectors/{site.chain.detector.id}/recalibrate", {"name": "n", "splits": ["train"]}
    answer = api.post(path, headers=admin_key, json={**body, "dataset_id": local_id})
    assert answer.status_code == 202, answer.text
    job = run(site, answer.headers["Location"])
    assert job.state == "done", job.error
    told = api.get(f"/api/v1/detectors/{job.artefact_id}", headers=admin_key).get_json()
    assert told["facts"]["recalibration"]["splits"] == ["train"]
    again = f"/api/v1/detectors/{job.artefact_id}/recalibrate"
    answer = api.post(again, headers=admin_key, json={**body, "dataset_id": local_id})
    job = run(site, answer.headers["Location"])
    assert job.state == "failed"
    assert "is calibrated on just these scans; use that one" in job.error


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"dataset_id": "own", "splits": ["train"]}, 422, "train: the classifier learns from it"),
        ({"dataset_id": "own"}, 422, "use its split calibration, or another data set"),
        ({"dataset_id": "local", "alpha": 0.01}, 422, "80 clean calibration images cannot support"),
        ({"dataset_id": "local", "splits": ["val"]}, 422, "15 support a false-alarm rate of 20%"),
        ({"dataset_id": "local", "splits": ["nowhere"]}, 422, "splits"),
        ({"dataset_id": "local", "alpha": 0.9}, 422, "alpha"),
        ({"dataset_id": "none"}, 404, "no data set with the id none"),
        ({}, 422, "dataset_id"),
    ],
)
def test_the_api_refuses_before_there_is_a_job(site, api, admin_key, local_id, body, status, says):
    before, named = n_jobs(site), {"own": site.chain.dataset.id, "local": local_id}
    body = {"name": "n", **body}
    if "dataset_id" in body:
        body["dataset_id"] = named.get(body["dataset_id"], body["dataset_id"])
    answer = api.post(f"/api/v1/detectors/{site.chain.detector.id}/recalibrate", headers=admin_key, json=body)
    assert answer.status_code == status
    assert says in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


def test_an_unknown_detector_is_not_found(api, admin_key, local_id):
    body = {"dataset_id": local_id, "name": "n"}
    assert api.post("/api/v1/detectors/none/recalibrate", headers=admin_key, json=body).status_code == 404


def test_both_thresholds_of_a_gate_are_chosen_on_the_page(site, admin):
    form = {
        "csrf_token": token_of(admin, "/gates/new"),
        "name": "wide",
        "detector_id": site.chain.detector.id,
        "alpha_percent": "10",
        "alpha_uncertain_percent": "5",
    }
    refused = admin.post("/gates/new", data=form)
    assert refused.status_code == 422
    assert "Use 10 or more, or leave it empty." in refused.text
    job = run(site, admin.post("/gates/new", data={**form, "alpha_uncertain_percent": "30"}).location)
    assert row_of(site, job.artefact_id).facts["alpha_uncertain"] == 0.3
    assert "about 20.0 % more of clean images go to a person" in admin.get(f"/gates/{job.artefact_id}").text


def test_both_thresholds_of_a_gate_are_chosen_by_the_api(site, api, admin_key):
    body = {"detector_id": site.chain.detector.id, "name": "n", "alpha": 0.1}
    before = n_jobs(site)
    answer = api.post("/api/v1/gates", headers=admin_key, json={**body, "alpha_uncertain": 0.05})
    assert answer.status_code == 422
    assert answer.get_json()["error"]["code"] == "bad_rate"
    assert "give 0.1 (alpha) to 0.5" in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before
    answer = api.post("/api/v1/gates", headers=admin_key, json={**body, "alpha_uncertain": 0.1})
    job = run(site, answer.headers["Location"])
    facts = row_of(site, job.artefact_id).facts
    assert facts["alpha_uncertain"] == facts["alpha"] == 0.1
    page = site.client("admin").get(f"/gates/{job.artefact_id}").text
    assert "never: the two thresholds are one" in page
