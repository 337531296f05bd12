"""Attackers who know a detector, ordered by page and API: what is asked, what is refused, what comes out."""

import html
import re
import shutil
from contextlib import contextmanager

import pytest

from datasets.atomic import read_json, write_json
from pipeline.artefacts import DataRoot
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detector_report.kept import keep_adaptive, kept_adaptive
from tests.fixtures.others import NO_HISTORY
from tests.pipeline.detector_report.reports import adaptive
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp.forms.attacking import KNOWING
from webapp.jobs.attacking import _attack
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact

QUICK = {"steps": 6, "restarts": 1}
TINY = {
    "n": 3, "radii": [24], "grid": [24], "attacks": ["joint_pgd"], "for_price": ["joint_pgd"],
    "params": {"joint_pgd": QUICK}, "seed": 0,
}  # fmt: skip


@pytest.fixture
def page(site):
    return f"/detectors/{site.chain.detector.id}"


@pytest.fixture
def jobs(site):
    return Jobs(site.database, site.settings)


@pytest.fixture(scope="module")
def second_id(site):
    """Another detector of the same classifier: the same weights under an id of its own."""
    root = DataRoot(site.settings.data_root)
    folder = shutil.copytree(
        root.find("detectors", site.chain.detector.id), root.detectors / "5ec0d", ignore=NO_HISTORY
    )
    described = read_json(folder / "detector.json")
    write_json(folder / "detector.json", {**described, "id": "5ec0d"})
    row = row_of(site, site.chain.detector.id)
    copied = {name: getattr(row, name) for name in ("kind", "parents", "facts")}
    with site.database.transaction() as session:
        session.add(Artefact(id="5ec0d", name="Second", folder="detectors/5ec0d", **copied))
    yield "5ec0d"
    shutil.rmtree(folder)
    with site.database.transaction() as session:
        session.delete(session.get_one(Artefact, "5ec0d"))


def ordered(site, where):
    """The job that an answer leads to, cancelled, since all of its attacks would take minutes."""
    found = Jobs(site.database, site.settings)
    job = found.get(int(where.rpartition("/")[2]))
    found.cancel(job.id)
    return job


@contextmanager
def without_report(site):
    """The detector's row as if it was never judged."""
    with site.database.transaction() as session:
        row = session.get_one(Artefact, site.chain.detector.id)
        before = row.facts
        row.facts = {name: value for name, value in before.items() if name not in ("report", "cells")}
    try:
        yield
    finally:
        with site.database.transaction() as session:
            session.get_one(Artefact, site.chain.detector.id).facts = before


def sent(admin, page, **changed):
    form = {"csrf_token": token_of(admin, f"{page}/attack"), "attacks": ["joint_pgd"], "radii": "4, 2/255", "n": "3",
            "alpha_percent": "", "surrogate_id": "", "seed": "5"}  # fmt: skip
    return admin.post(f"{page}/attack", data={**form, **changed})


def test_the_detectors_page_and_its_report_lead_to_the_form(admin, page):
    text = admin.get(page).text
    assert f'href="{page}/attack"' in text
    assert "No adaptive attack has been measured on this detector" in text
    assert f'href="{page}/attack"' in admin.get(f"{page}/report").text


def test_the_form_offers_what_the_plan_has_and_says_what_it_takes_and_means(site, admin, page, second_id):
    text = html.unescape(admin.get(f"{page}/attack").text)
    ticked = re.findall(r'<input checked [^>]*name="attacks" type="checkbox" value="(\w+)"', text)
    assert ticked == list(KNOWING)
    assert "surrogate_transfer" not in KNOWING
    usual = AdaptivePlan()
    assert re.search(rf'name="n"[^>]* value="{usual.n}"', text)
    assert re.search(r'name="radii"[^>]* value="2, 4, 8"', text)
    assert "Empty: 10, as in its report" in text
    assert "makes 100 steps from three starts on every scan" in text
    assert "the share of scans that are accepted and wrong" in text
    assert f'<option value="{second_id}">Second' in text
    assert f'<option value="{site.chain.detector.id}"' not in text


def test_a_sent_form_is_a_job_with_just_that_plan(site, admin, page):
    answer = sent(admin, page, alpha_percent="20")
    assert answer.status_code == 302, answer.text
    job = ordered(site, answer.location)
    assert (job.kind, job.params["alpha"], job.params["surrogate_id"]) == ("attack_detector", 0.2, None)
    assert job.params["plan"] == {"attacks": ["joint_pgd"], "radii": [2, 4], "n": 3, "seed": 5}
    assert job.owner_id is not None


def test_without_a_rate_it_is_the_one_of_the_report(site, admin, page, api, admin_key):
    assert ordered(site, sent(admin, page).location).params["alpha"] == 0.1
    answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={})
    assert ordered(site, answer.headers["Location"]).params["alpha"] == 0.1


def test_a_second_detector_adds_the_attack_that_needs_one(site, admin, page, api, admin_key, second_id):
    job = ordered(site, sent(admin, page, surrogate_id=second_id).location)
    assert job.params["surrogate_id"] == second_id
    assert job.params["plan"]["attacks"] == ["joint_pgd", "surrogate_transfer"]
    answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={"surrogate_id": second_id})
    assert ordered(site, answer.headers["Location"]).params["plan"]["attacks"] == [*KNOWING, "surrogate_transfer"]


def test_the_api_orders_the_usual_plan_where_nothing_is_asked(site, api, admin_key, page):
    answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={})
    assert answer.status_code == 202, answer.text
    assert answer.get_json()["kind"] == "attack_detector"
    plan, usual = ordered(site, answer.headers["Location"]).params["plan"], AdaptivePlan()
    assert (plan["n"], tuple(plan["radii"]), plan["seed"]) == (usual.n, usual.radii, usual.seed)
    assert plan["attacks"] == list(KNOWING)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"n": "0"}, "Use 1 to 100,000."),
        ({"n": "some"}, "This is no whole number"),
        ({"attacks": []}, "Choose at least one."),
        ({"attacks": ["pgd"]}, "'pgd' is not a valid choice for this field."),
        ({"radii": "0"}, "0 is not above 0 and at most 255"),
        ({"radii": ""}, "Give at least one, for example 2, 4, 8."),
        ({"radii": ", ".join(map(str, range(1, 22)))}, "21 radii; give at most 20."),
        ({"alpha_percent": "0.1"}, "cannot support a false-alarm rate of 0.001"),
        ({"alpha_percent": "nan"}, "Use 0.01 to 50."),
        ({"surrogate_id": "gone"}, "Not a valid choice"),
    ],
)
def test_a_form_that_cannot_be_sent_says_why_and_orders_nothing(site, admin, page, changed, says):
    before = n_jobs(site)
    answer = sent(admin, page, **changed)
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert 'aria-invalid="None"' not in answer.text
    assert n_jobs(site) == before


@pytest.mark.parametrize(
    ("id_", "body", "status", "says"),
    [
        (None, {"attacks": ["pgd"]}, 422, "attacks.0: Must be one of: joint_pgd"),
        (None, {"attacks": []}, 422, "attacks"),
        (None, {"n": 0}, 422, "n: Must be greater than or equal to 1"),
        (None, {"radii": [0]}, 422, "A radius is in n/255: above 0, up to 255."),
        (None, {"alpha": 0.001}, 422, "cannot support a false-alarm rate of 0.001"),
        (None, {"surrogate_id": "none"}, 404, "no detector with the id none"),
        (None, {"surrogate_id": "itself"}, 422, "is the one to be attacked; choose another one, or none"),
        ("none", {}, 404, "no detector with the id none"),
    ],
)
def test_the_api_refuses_before_there_is_a_job(site, api, admin_key, id_, body, status, says):
    before = n_jobs(site)
    if body.get("surrogate_id") == "itself":
        body = {"surrogate_id": site.chain.detector.id}
    path = f"/api/v1/detectors/{id_ or site.chain.detector.id}/attack"
    answer = api.post(path, headers=admin_key, json=body)
    assert answer.status_code == status
    assert says in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


@pytest.mark.parametrize("kind", ["detectors", "models", "datasets"])
def test_a_detector_whose_files_are_gone_is_refused_before_there_is_a_job(site, api, admin_key, admin, page, kind):
    ids = {"detectors": site.chain.detector.id, "models": site.chain.classifier.id, "datasets": site.chain.dataset.id}
    before, there = n_jobs(site), site.settings.data_root / kind / ids[kind]
    there.rename(aside := there.with_name("aside"))
    try:
        answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "unknown_artefact")
        assert f"in {kind}" in answer.get_json()["error"]["detail"]
        assert sent(admin, page).status_code == 404
        assert n_jobs(site) == before
    finally:
        aside.rename(there)


def test_a_second_detector_of_other_classes_is_refused(site, api, admin_key, page, second_id):
    root = DataRoot(site.settings.data_root)
    models, detector = root.models / "0ther", root.find("detectors", second_id) / "detector.json"
    shutil.copytree(root.find("models", site.chain.classifier.id), models, ignore=NO_HISTORY)
    described, of_detector = read_json(models / "classifier.json"), read_json(detector)
    spec = {**described["spec"], "classes": ["left", "up"]}
    write_json(models / "classifier.json", {**described, "id": "0ther", "spec": spec})
    write_json(detector, {**of_detector, "classifier_id": "0ther"})
    try:
        answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={"surrogate_id": second_id})
        assert answer.status_code == 422
        assert "a classifier of left, up" in answer.get_json()["error"]["detail"]
        assert "choose one of the same classes, or none" in answer.get_json()["error"]["detail"]
    finally:
        shutil.rmtree(models)
        write_json(detector, of_detector)


def test_a_detector_that_was_never_judged_is_judged_first(site, admin, page, api, admin_key):
    token = token_of(admin, f"{page}/attack")
    with without_report(site):
        before = n_jobs(site)
        assert f'href="{page}/attack"' not in admin.get(page).text
        for answer in (admin.get(f"{page}/attack"), admin.post(f"{page}/attack", data={"csrf_token": token})):
            assert answer.status_code == 404
            assert "was never judged; have it judged on its page" in answer.text
        answer = api.post(f"/api/v1{page}/attack", headers=admin_key, json={"alpha": 0.1})
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "no_report")
        assert n_jobs(site) == before


def test_only_administrators_order_it(site, clinician, api, key, page):
    token = token_of(clinician, "/screen")
    assert clinician.get(f"{page}/attack").status_code == 403
    assert clinician.post(f"{page}/attack", data={"csrf_token": token}).status_code == 403
    assert site.client().get(f"{page}/attack").status_code == 302
    assert api.post(f"/api/v1{page}/attack", headers=key, json={}).status_code == 403
    assert api.post(f"/api/v1{page}/attack", json={}).status_code == 401


def test_the_job_leaves_the_adaptive_figure_on_the_page_and_in_the_report(site, admin, page, jobs, api, admin_key):
    root, before = DataRoot(site.settings.data_root), row_of(site, site.chain.detector.id)
    params = {"detector_id": before.id, "name": "Tiny", "parents": before.parents, "plan": TINY, "alpha": 0.1}
    job = jobs.run_until_ended(jobs.enqueue("attack_detector", params).id)
    try:
        assert (job.state, job.artefact_id) == ("done", before.id), job.error
        (run,) = kept_adaptive(root, before.id)
        assert (run["n_scans"], run["plan"]["radii"], run["alpha"]) == (3, [24], 0.1)
        after = row_of(site, before.id)
        assert (after.name, after.parents, after.facts) == (before.name, before.parents, before.facts)
        for path in (page, f"{page}/report"):
            text = admin.get(path).text
            assert "No adaptive attack has been measured" not in text
            assert "24/255" in text
        assert f'href="{page}/report">Report on Tiny</a>' in admin.get(f"/jobs/{job.id}").text
        assert admin.get(f"{page}/report.pdf").status_code == 200
        assert api.get(f"/api/v1{page}/report", headers=admin_key).get_json()["adaptive"] == run
    finally:
        shutil.rmtree(root.reports / before.id)


def test_the_detectors_page_shows_both_figures_and_opens_with_a_garbled_report(site, admin, page):
    root, id_ = DataRoot(site.settings.data_root), site.chain.detector.id
    kept = keep_adaptive(root, {**adaptive(), "detector_id": id_})
    try:
        text = admin.get(page).text
        assert "Accepted and wrong, of the scans attacked" in text
        assert "90.0% (81.0% to 99.0%)" in text
        kept.write_text("{")
        answer = admin.get(page)
        assert answer.status_code == 200
        assert "the report cannot be read" in answer.text
    finally:
        kept.unlink()


def test_its_parameters_are_named():
    assert (_attack.__doc__ or "").startswith("Parameters: detector_id")
