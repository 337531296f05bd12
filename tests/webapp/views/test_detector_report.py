"""The report on a detector as page, PDF and JSON: for whom, from what, and what is said where something is missing."""

import re
from contextlib import contextmanager

import pytest

from pipeline.artefacts import DataRoot
from pipeline.detection.local_scans import offered_rates
from pipeline.detector_report.kept import keep_adaptive, kept_comparison, kept_static
from pipeline.errors import BadDetector
from tests.pipeline.detector_report.reports import adaptive
from tests.webapp.views.site import token_of
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact
from webapp.records.jobs import Job


@pytest.fixture
def page(site):
    return f"/detectors/{site.chain.detector.id}"


@contextmanager
def facts_of(site, **changed):
    """The detector's row with other facts for a moment; None takes one away."""
    with site.database.transaction() as session:
        row = session.get_one(Artefact, site.chain.detector.id)
        before = row.facts
        row.facts = {name: value for name, value in {**before, **changed}.items() if value is not None}
    try:
        yield
    finally:
        with site.database.transaction() as session:
            session.get_one(Artefact, site.chain.detector.id).facts = before


def test_the_detectors_page_leads_to_its_report(admin, page):
    assert f'href="{page}/report"' in admin.get(page).text


def test_the_report_has_charts_with_words_and_tables_and_pictures(site, admin, page):
    text = admin.get(f"{page}/report").text
    assert text.count("<h1") == 1
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://(?!localhost)", text)
    charts = re.findall(r'<svg [^>]*role="img" aria-labelledby="(\S+) (\S+)">', text)
    assert len(charts) >= 3
    assert all(f'<title id="{title}">' in text and f'<desc id="{what}">' in text for title, what in charts)
    assert len(set(re.findall(r' id="([^"]+)"', text))) == len(re.findall(r' id="([^"]+)"', text))
    assert text.count("<figure") <= text.count("<table")
    pictures = re.findall(r'<img src="([^"]+/difference)"', text)
    assert pictures
    assert admin.get(pictures[0]).mimetype == "image/png"
    for said in ("Research use; no medical device.", "NISTAML.022", "AML.T0015", "Limits, in plain words",
                 site.chain.classifier.weights_sha256, "No adaptive attack has been measured"):  # fmt: skip
        assert said in text


def test_the_adaptive_figure_stands_next_to_the_static_one_once_it_is_kept(site, admin, page):
    kept = keep_adaptive(DataRoot(site.settings.data_root), {**adaptive(), "detector_id": site.chain.detector.id})
    try:
        text = admin.get(f"{page}/report").text
        assert "No adaptive attack has been measured" not in text
        assert "90.0% (81.0% to 99.0%)" in text
        assert "different false-alarm rates" in text
    finally:
        kept.unlink()


def test_the_pdf_and_the_json_are_files(admin, page, api, admin_key):
    printed = admin.get(f"{page}/report.pdf")
    assert (printed.status_code, printed.mimetype) == (200, "application/pdf")
    assert printed.data.startswith(b"%PDF-")
    assert "attachment" in printed.headers["Content-Disposition"]
    told = admin.get(f"{page}/report.json")
    assert "attachment" in told.headers["Content-Disposition"]
    assert told.get_json() == api.get(f"/api/v1{page}/report", headers=admin_key).get_json()
    assert told.get_json()["adaptive"] is None
    assert told.get_json()["missing"] == []


def test_an_older_report_opens_and_says_how_to_renew_it(site, admin, page):
    with site.database.reading() as session:
        report = dict(session.get_one(Artefact, site.chain.detector.id).facts["report"])
    for name in ("drawn", "sources", "beside"):
        del report[name]
    with facts_of(site, report=report):
        text = admin.get(f"{page}/report").text
        assert "of an older form and lacks: the controls beside the headline; curves" in text
        assert f'href="{page}/evaluate"' in text
        assert admin.get(f"{page}/report.pdf").status_code == 200


def test_a_detector_that_was_never_judged_has_no_report(site, admin, page, api, admin_key):
    with facts_of(site, report=None, cells=None):
        for path in ("report", "report.pdf", "report.json"):
            answer = admin.get(f"{page}/{path}")
            assert answer.status_code == 404
            assert "was never judged" in answer.text
        assert f'href="{page}/report"' not in admin.get(page).text
        assert f'href="{page}/evaluate"' in admin.get(page).text
        answer = api.get(f"/api/v1{page}/report", headers=admin_key)
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "no_report")


def test_a_picture_whose_set_is_no_longer_listed_is_named_and_not_broken(site, admin, page):
    with site.database.reading() as session:
        report = session.get_one(Artefact, site.chain.detector.id).facts["report"]
    with facts_of(site, report={**report, "adversarial_id": "gone"}):
        text = admin.get(f"{page}/report").text
    assert "no longer listed" in text
    assert "<img" not in text


@pytest.mark.parametrize("path", ["report", "report.pdf", "report.json"])
def test_only_administrators_read_it(site, clinician, page, path):
    assert clinician.get(f"{page}/{path}").status_code == 403
    assert site.client().get(f"{page}/{path}").status_code == 302


def test_only_administrators_have_a_detector_judged(site, clinician, api, key, page):
    token = token_of(clinician, "/screen")
    assert clinician.post(f"{page}/evaluate", data={"csrf_token": token}).status_code == 403
    assert api.get(f"/api/v1{page}/report", headers=key).status_code == 403
    assert api.post(f"/api/v1{page}/evaluate", headers=key, json={}).status_code == 403


@pytest.mark.parametrize("path", ["report", "report.pdf", "report.json"])
def test_an_unknown_detector_is_not_found(admin, path):
    assert admin.get(f"/detectors/none/{path}").status_code == 404


def test_judging_again_is_a_job_that_renews_and_keeps_the_report(site, api, admin, admin_key, page):
    root, id_ = DataRoot(site.settings.data_root), site.chain.detector.id
    answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json={"alpha": 0.1})
    assert answer.status_code == 202, answer.text
    job = Jobs(site.database, site.settings).run_until_ended(answer.get_json()["id"])
    assert (job.state, job.artefact_id) == ("done", id_), job.error
    kept = kept_static(root, id_)
    try:
        assert kept["alpha"] == 0.1
        with site.database.reading() as session:
            row = session.get_one(Artefact, id_)
        assert (row.name, row.facts["report"]) == ("Tiny", kept)
        assert row.parents == [site.chain.adversarial_set.id, site.chain.classifier.id]
        text = admin.get(f"{page}/report").text
        assert "at a stated rate of 10.0%" in text
        compared = kept_comparison(root, id_)
        assert compared["alpha"] == 0.1
        assert "1. noise-residual network" in text
    finally:
        for name in ("static.json", "comparison.json"):
            (root.reports / id_ / name).unlink(missing_ok=True)


def test_where_no_other_way_can_be_judged_the_report_says_why(site, admin, admin_key, api, page, monkeypatch):
    def refused(*args, **kwargs):
        raise BadDetector("too few scans for it; import more")

    monkeypatch.setattr("pipeline.detection.compare.compare_detectors", refused)
    answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json={"alpha": 0.1})
    root, id_ = DataRoot(site.settings.data_root), site.chain.detector.id
    try:
        assert Jobs(site.database, site.settings).run_until_ended(answer.get_json()["id"]).state == "done"
        assert (
            "could not be judged beside this one: too few scans for it; import more."
            in admin.get(f"{page}/report").text
        )
    finally:
        for name in ("static.json", "comparison.json"):
            (root.reports / id_ / name).unlink(missing_ok=True)


def judge(site, admin, page, **fields):
    """What a sent form answers, and the parameters of the job that it ordered, which is cancelled."""
    sent = admin.post(f"{page}/evaluate", data={"csrf_token": token_of(admin, f"{page}/evaluate"), **fields})
    if sent.status_code != 302:
        return sent, None
    number = int(sent.location.rpartition("/")[2])
    Jobs(site.database, site.settings).cancel(number)
    with site.database.reading() as session:
        return sent, session.get_one(Job, number).params


def test_a_form_has_it_judged_at_a_rate_that_the_calibration_supports(site, admin, page):
    text = admin.get(f"{page}/evaluate").text
    rates = offered_rates(len(site.chain.detector.calibration))
    chosen = [float(value) for value in re.findall(r'<input[^>]*name="alpha"[^>]*value="([^"]+)"', text)]
    assert chosen == [rate.alpha for rate in rates if rate.supported]
    assert f"from {max(rate.n_needed for rate in rates)} on" in text
    _, params = judge(site, admin, page, alpha="0.2")
    assert params["alpha"] == 0.2


@pytest.mark.parametrize(
    ("fields", "says"), [({}, "Choose a rate."), ({"alpha": "0.001"}, "cannot support a false-alarm rate of 0.001")]
)
def test_a_rate_that_is_missing_or_not_supported_is_refused_in_the_form(site, admin, page, fields, says):
    refused, _ = judge(site, admin, page, **fields)
    assert refused.status_code == 422
    assert says in refused.text


def test_a_detector_of_too_few_scans_for_any_rate_is_judged_at_the_usual_one(site, admin, page):
    with facts_of(site, n_calibration=4):
        assert "So few clean images support no rate on offer." in admin.get(f"{page}/evaluate").text
        _, params = judge(site, admin, page)
    assert params["alpha"] is None


@pytest.mark.parametrize(
    ("id_", "body", "status", "says"),
    [
        (None, {"alpha": 0.001}, 422, "cannot support a false-alarm rate of 0.001"),
        (None, {"alpha": 0.9}, 422, "alpha"),
        ("none", {}, 404, "no detector with the id none"),
    ],
)
def test_what_cannot_be_judged_is_refused_before_there_is_a_job(site, api, admin_key, id_, body, status, says):
    path = f"/api/v1/detectors/{id_ or site.chain.detector.id}/evaluate"
    answer = api.post(path, headers=admin_key, json=body)
    assert answer.status_code == status
    assert says in answer.get_json()["error"]["detail"]


def test_a_detector_whose_classifier_is_gone_cannot_be_judged_but_its_report_opens(site, api, admin, admin_key, page):
    there = site.settings.data_root / "models" / site.chain.classifier.id
    there.rename(aside := there.with_name("aside"))
    try:
        answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json={})
        assert answer.status_code == 404
        assert "in models" in answer.get_json()["error"]["detail"]
        assert admin.get(f"{page}/report").status_code == 200
        assert admin.get(f"{page}/report.pdf").status_code == 200
    finally:
        aside.rename(there)
