"""A detector judged on another adversarial set by page and API: what is offered, refused, kept and shown."""

import html
import re
import shutil
from contextlib import contextmanager

import pytest

from pipeline.artefacts import DataRoot
from pipeline.detector_report.kept import keep_other, kept_comparison, kept_others, kept_static
from tests.fixtures.others import other_set, restamped
from tests.pipeline.detector_report.reports import static
from tests.webapp.views.site import n_jobs, row_of, token_of
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact, ArtefactKind

ELSEWHERE, UNTESTED = "e15e", "0ff5e7"


@pytest.fixture
def page(site):
    return f"/detectors/{site.chain.detector.id}"


@pytest.fixture(scope="module")
def other(site):
    """Attacks that the detector never met; beside it a set of another data set, and one without tested scans."""
    root = DataRoot(site.settings.data_root)
    made = other_set(site.chain, root)
    untested = [{**count, "split": "detector"} for count in made.counts]
    restamped(made.folder, ELSEWHERE, dataset_id="5ca7")
    restamped(made.folder, UNTESTED, counts=untested)
    rows = [(made.id, "Unseen", made.dataset_id, made.counts), (ELSEWHERE, "Elsewhere", "5ca7", made.counts),
            (UNTESTED, "Untested", made.dataset_id, untested)]  # fmt: skip
    with site.database.transaction() as session:
        for set_id, name, dataset_id, counts in rows:
            facts = {"n": made.n, "counts": [dict(count) for count in counts], "targeted": False, "precision": {}}
            session.add(Artefact(id=set_id, kind=ArtefactKind.ADVERSARIAL, name=name, folder=f"adversarial/{set_id}",
                                 parents=[dataset_id, made.classifier_id], facts=facts))  # fmt: skip
    yield made
    with site.database.transaction() as session:
        for set_id, *_ in rows:
            shutil.rmtree(root.adversarial / set_id)
            session.delete(session.get_one(Artefact, set_id))


@contextmanager
def reports_left_as_they_were(site):
    """Whatever is kept of the detector meanwhile is removed."""
    try:
        yield
    finally:
        shutil.rmtree(DataRoot(site.settings.data_root).reports / site.chain.detector.id, ignore_errors=True)


def sent(site, admin, page, **fields):
    """What a sent form answers, and the parameters of the job that it ordered, which is cancelled."""
    form = {"csrf_token": token_of(admin, f"{page}/evaluate"), "alpha": "0.2", **fields}
    answer = admin.post(f"{page}/evaluate", data=form)
    if answer.status_code != 302:
        return answer, None
    jobs, number = Jobs(site.database, site.settings), int(answer.location.rpartition("/")[2])
    jobs.cancel(number)
    return answer, jobs.get(number).params


def test_sets_of_the_same_data_set_with_attacked_test_scans_are_offered_beside_its_own(site, admin, page, other):
    text = admin.get(f"{page}/evaluate").text
    select_ = re.search(r'<select[^>]*name="adversarial_id".*?</select>', text, re.DOTALL)[0]
    # A browser takes the first where none is marked; tests before this one may have built further sets.
    first, *others = re.findall(r'<option value="([^"]*)">(.{7})', select_)
    assert first == ("", "Its own")
    assert (other.id, "Unseen ") in others
    assert not {ELSEWHERE, UNTESTED, site.chain.adversarial_set.id} & {set_id for set_id, _ in others}


def test_a_sent_form_orders_its_own_set_or_the_one_that_was_chosen(site, admin, page, other):
    assert sent(site, admin, page)[1]["adversarial_id"] is None
    assert sent(site, admin, page, adversarial_id="")[1]["adversarial_id"] is None
    _, params = sent(site, admin, page, adversarial_id=other.id)
    assert (params["adversarial_id"], params["alpha"]) == (other.id, 0.2)


@pytest.mark.parametrize("set_id", ["gone", ELSEWHERE, UNTESTED])
def test_a_set_that_is_not_offered_is_refused_in_the_form(site, admin, page, other, set_id):
    before = n_jobs(site)
    answer, _ = sent(site, admin, page, adversarial_id=set_id)
    assert answer.status_code == 422
    assert "Not a valid choice" in html.unescape(answer.text)
    assert n_jobs(site) == before


@pytest.mark.parametrize(
    ("set_id", "status", "says"),
    [
        ("gone", 404, "There is no adversarial set with the id gone"),
        (ELSEWHERE, 422, "e15e was made of data set 5ca7, that of detector"),
        (UNTESTED, 422, "0ff5e7 attacks no scan of the split 'test'"),
        ("", 422, "adversarial_id"),
        (7, 422, "adversarial_id"),
    ],
)
def test_a_set_that_it_cannot_be_judged_on_is_refused_before_there_is_a_job(
    site, api, admin_key, page, other, set_id, status, says
):
    before = n_jobs(site)
    answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json={"adversarial_id": set_id})
    assert answer.status_code == status
    assert says in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


def test_a_rate_that_is_not_supported_is_refused_on_another_set_too(site, api, admin_key, page, other):
    body = {"adversarial_id": other.id, "alpha": 0.001}
    answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json=body)
    assert answer.status_code == 422
    assert "cannot support a false-alarm rate of 0.001" in answer.get_json()["error"]["detail"]


def test_a_job_on_another_set_leaves_the_detectors_own_report_and_joins_it(site, api, admin, admin_key, page, other):
    root, id_ = DataRoot(site.settings.data_root), site.chain.detector.id
    before = row_of(site, id_)
    with reports_left_as_they_were(site):
        body = {"adversarial_id": other.id, "alpha": 0.1}
        answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json=body)
        assert answer.status_code == 202, answer.text
        job = Jobs(site.database, site.settings).run_until_ended(answer.get_json()["id"])
        assert (job.state, job.artefact_id) == ("done", id_), job.error
        (kept,) = kept_others(root, id_)
        assert [path.name for path in (root.reports / id_).iterdir()] == [f"other-{other.id}.json"]
        assert (kept["adversarial_id"], kept["adversarial_name"], kept["alpha"]) == (other.id, other.name, 0.1)
        assert (kept_static(root, id_), kept_comparison(root, id_)) == (None, None)
        after = row_of(site, id_)
        assert (after.name, after.parents, after.facts) == (before.name, before.parents, before.facts)
        told = api.get(f"/api/v1{page}/report", headers=admin_key).get_json()
        assert told["other_static"] == [kept]
        assert told["static"] == before.facts["report"]
        assert told == admin.get(f"{page}/report.json").get_json()
        text = html.unescape(admin.get(f"{page}/report").text)
        assert '<section id="others" class="part">' in text
        assert f"{other.name} ({other.id}), made against the detector's own classifier." in text
        assert "Of its attacks the detector was never shown BIM. Never shown at that radius: FGSM, 8/255." in text
        assert admin.get(f"{page}/report.pdf").data.startswith(b"%PDF-")
    assert 'id="others"' not in admin.get(f"{page}/report").text


def test_its_own_set_by_name_is_its_own_report(site, api, admin_key, page, monkeypatch):
    judged = []
    monkeypatch.setattr("webapp.jobs.judging.judged", lambda work, id_: judged.append(id_) or {})
    body = {"adversarial_id": site.chain.adversarial_set.id, "alpha": 0.1}
    answer = api.post(f"/api/v1{page}/evaluate", headers=admin_key, json=body)
    job = Jobs(site.database, site.settings).run_until_ended(answer.get_json()["id"])
    assert job.state == "done", job.error
    assert judged == [site.chain.detector.id]


def test_a_set_against_another_classifier_says_so_on_the_page(site, admin, page):
    id_ = site.chain.detector.id
    sources = {**static()["sources"], "attacked_classifier_id": "c2"}
    with reports_left_as_they_were(site):
        found = static(detector_id=id_, adversarial_id="a2", sources=sources)
        keep_other(DataRoot(site.settings.data_root), found, name="Theirs")
        text = admin.get(f"{page}/report").text
        assert "Theirs (a2), made against another classifier, c2." in text
        assert "AML.T0043.002" in text
