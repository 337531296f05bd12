"""A detector that is kept from learning something, ordered by page and API: what is asked, refused and told."""

import html
import re

import pytest

from pipeline.artefacts import DataRoot
from tests.fixtures.gate import EPS
from tests.webapp.views.site import n_jobs, token_of
from webapp.jobs.service import Jobs
from webapp.records.artefacts import Artefact


def body(site, **more):
    return {"adversarial_id": site.chain.adversarial_set.id, "name": "Without", "epochs": 1, "draws": 8, **more}


def order(site, api, admin_key, **more):
    return api.post("/api/v1/detectors", headers=admin_key, json=body(site, **more))


def send(site, admin, **fields):
    """What the page answers to a sent form."""
    form = {"csrf_token": token_of(admin, "/detectors/new"), "evasions": "0", "seed": "0", **body(site)}
    return admin.post("/detectors/new", data={**form, **fields})


def settings_of_job(site, where):
    """What the job that an answer leads to tells the trainer; the job is cancelled."""
    jobs, number = Jobs(site.database, site.settings), int(where.rpartition("/")[2])
    jobs.cancel(number)
    return jobs.get(number).params["settings"]


def test_page_and_api_tell_the_trainer_the_same(site, api, admin, admin_key):
    by_api = order(site, api, admin_key, leave_out=["pgd"], only_eps=[EPS])
    assert by_api.status_code == 202, by_api.text
    by_page = send(site, admin, leave_out=["pgd"], only_eps=[repr(EPS)])
    assert by_page.status_code == 302, by_page.text
    told = settings_of_job(site, by_api.headers["Location"])
    assert (told["leave_out"], told["only_eps"]) == (["pgd"], [EPS])
    assert settings_of_job(site, by_page.location) == told


def test_without_a_choice_nothing_is_left_out(site, api, admin, admin_key):
    for where in (order(site, api, admin_key).headers["Location"], send(site, admin).location):
        told = settings_of_job(site, where)
        assert (told["leave_out"], told["only_eps"]) == ([], [])


def test_the_form_offers_what_the_sets_have_and_hides_it_until_it_is_wanted(admin):
    text = admin.get("/detectors/new").text
    # Tests before this one may have built sets of further attacks and radii.
    assert {"fgsm", "pgd"} <= set(re.findall(r'name="leave_out" type="checkbox" value="(\w+)"', text))
    assert repr(EPS) in re.findall(r'name="only_eps" type="checkbox" value="([^"]+)"', text)
    assert "16/255" in text
    assert "<details>" in text


NOTHING_LEFT = {"leave_out": ["fgsm", "pgd"]}
REFUSED = [
    ({"leave_out": ["cw"]}, "leave_out names cw; the adversarial set has fgsm, pgd"),
    ({"leave_out": ["pgb"]}, "leave_out names pgb; the adversarial set has fgsm, pgd"),
    ({"only_eps": [1 / 255]}, "only_eps names 0.0039216; the adversarial set has 0.062745"),
    ({"only_eps": [0]}, "only_eps names 0; the adversarial set has 0.062745"),
    (NOTHING_LEFT, "leave_out and only_eps leave no attack to learn from; leave out fewer"),
    ({"leave_out": ["pgd"], "evasions": 4}, "evasions 4 beside leave_out"),
    ({"leave_out": "pgd"}, "leave_out: Not a valid list"),
    ({"only_eps": [-0.1]}, "eps is a pixel fraction, such as 8/255"),
    ({"only_eps": ["2/255"]}, "only_eps.0: Not a valid number"),
]


@pytest.mark.parametrize(("asked", "says"), REFUSED)
def test_the_api_refuses_what_cannot_be_left_out_before_there_is_a_job(site, api, admin_key, asked, says):
    before = n_jobs(site)
    answer = order(site, api, admin_key, **asked)
    assert answer.status_code == 422
    assert says in answer.get_json()["error"]["detail"]
    assert n_jobs(site) == before


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (NOTHING_LEFT, "leave no attack to learn from; leave out fewer."),
        ({"leave_out": ["pgd"], "evasions": "4"}, "evasions 4 beside leave_out"),
        ({"leave_out": ["square"]}, "'square' is not a valid choice for this field."),
        ({"only_eps": ["0.5"]}, "'0.5' is not a valid choice for this field."),
        ({"only_eps": ["some"]}, "could not be coerced"),
    ],
)
def test_the_page_says_why_opens_the_choice_and_keeps_it(site, admin, asked, says):
    before = n_jobs(site)
    answer = send(site, admin, **asked)
    assert answer.status_code == 422
    assert says in html.unescape(answer.text)
    assert "<details open>" in answer.text
    ticked = re.findall(r'<input checked [^>]*name="leave_out" type="checkbox" value="(\w+)"', answer.text)
    assert ticked == [name for name in asked.get("leave_out", []) if name != "square"]
    assert n_jobs(site) == before


def test_what_is_left_without_a_success_is_refused_with_both_ways_out(site, api, admin_key, monkeypatch):
    rows = site.chain.adversarial_set.rows()
    rows.status[rows.attack == "fgsm"] = "failed"
    monkeypatch.setattr("webapp.jobs.asked.read_rows", lambda path: rows)
    assert settings_of_job(site, order(site, api, admin_key, leave_out=["fgsm"]).headers["Location"])
    told = order(site, api, admin_key, leave_out=["pgd"]).get_json()["error"]["detail"]
    assert told.startswith("of what leave_out and only_eps leave: no successful attack among the")
    assert told.endswith("or leave out fewer")


def test_a_set_that_teaches_nothing_at_all_is_refused_as_such(site, api, admin_key, monkeypatch):
    rows = site.chain.adversarial_set.rows()
    rows.status[:] = "failed"
    monkeypatch.setattr("webapp.jobs.asked.read_rows", lambda path: rows)
    told = order(site, api, admin_key).get_json()["error"]["detail"]
    assert told.startswith("no successful attack among the")
    assert "leave out fewer" not in told


def test_the_detector_says_what_it_was_not_shown(site, api, admin, admin_key, monkeypatch):
    # Judging it takes the longest, and is tested where it is ordered alone.
    monkeypatch.setattr("webapp.jobs.kinds.judged", lambda work, id_: {})
    answer = order(site, api, admin_key, leave_out=["pgd"], only_eps=[EPS])
    job = Jobs(site.database, site.settings).run_until_ended(answer.get_json()["id"])
    assert job.state == "done", job.error
    try:
        made = api.get(f"/api/v1/detectors/{job.artefact_id}", headers=admin_key).get_json()
        assert made["facts"]["not_shown"] == {"leave_out": ["pgd"], "only_eps": [EPS]}
        page = admin.get(f"/detectors/{job.artefact_id}").text
        assert "<dt>Not shown in training</dt><dd>PGD; any radius but 16/255</dd>" in page
        assert "Not shown in training" not in admin.get(f"/detectors/{site.chain.detector.id}").text
        with site.database.transaction() as session:
            own = session.get_one(Artefact, site.chain.detector.id).facts["report"]
            row = session.get_one(Artefact, job.artefact_id)
            row.facts = {**row.facts, "report": own}
        told = api.get(f"/api/v1/detectors/{job.artefact_id}/report", headers=admin_key).get_json()
        assert told["not_shown"] == {"leave_out": ["pgd"], "only_eps": [EPS]}
        assert "not shown: PGD; any radius but 16/255." in admin.get(f"/detectors/{job.artefact_id}/report").text
    finally:
        with site.database.transaction() as session:
            session.delete(session.get_one(Artefact, job.artefact_id))
        root = DataRoot(site.settings.data_root)
        (root.detectors / job.artefact_id).rename(root.work / job.artefact_id)
