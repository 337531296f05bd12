"""What a job's page and the lists tell of a job that waits, works, or has ended."""

import pytest
from sqlalchemy import update

from webapp.jobs.lease import claim_shard
from webapp.jobs.service import Jobs
from webapp.records.jobs import Job, JobState


@pytest.fixture(scope="module")
def jobs(lab):
    return Jobs(lab.database, lab.settings)


@pytest.fixture
def search(lab, jobs):
    """The job of a search that nobody has taken up."""
    params = {"dataset_id": lab.stamped.id, "classifier_id": lab.of_stamped.id, "name": "Second look"}
    job = jobs.enqueue("find_poison", {**params, "trusted_id": None, "unpoisoned_id": None})
    yield job
    with lab.database.transaction() as session:
        session.execute(update(Job).where(Job.id == job.id).values(state=JobState.DONE))


def page_of(lab, path):
    return " ".join(lab.client("admin").get(path).text.split())


def test_a_job_that_waits_says_so_and_since_when(lab, jobs, search):
    page = page_of(lab, f"/jobs/{search.id}")
    assert 'Waiting</span> <span class="quiet">for a worker, since <time' in page
    assert " left" not in page
    claim_shard(lab.database, lab.settings, job_id=search.id, idx=0, owner="here:1:x")
    page = page_of(lab, f"/jobs/{search.id}")
    assert "for a worker, since" not in page
    assert "Running</span>" in page


def test_a_job_names_what_it_makes_and_what_from(lab, search):
    page = page_of(lab, f"/jobs/{search.id}")
    assert "<h1>Look for poison: Second look</h1>" in page
    assert 'It makes the <a href="/lab/poisoning/finding/">search for poison</a> “Second look”' in page
    assert f'data set <a href="/datasets/{lab.stamped.id}">stamped</a>' in page
    assert f'classifier <a href="/classifiers/{lab.of_stamped.id}">of stamped</a>' in page


def test_parts_are_counted_as_people_count(lab, jobs, search):
    assert "4 parts: 4 to be done" in page_of(lab, f"/jobs/{search.id}")
    clean = {"dataset_id": lab.bars.id, "classifier_id": lab.of_bars.id, "name": "n", "n_images": 6, "seed": 0}
    alone = jobs.enqueue("audit_classifier", clean)
    page = page_of(lab, f"/jobs/{alone.id}")
    assert "1 part: 1 to be done" in page
    assert "Audit a classifier for backdoors: 1 part." in page
    jobs.cancel(alone.id)


@pytest.mark.parametrize("path", ["/jobs/", "/lab/poisoning/finding/"])
def test_lists_say_what_waits(lab, search, path):
    page = page_of(lab, path)
    row = page.partition(f'href="/jobs/{search.id}"')[2].partition("</tr>")[0]
    assert "Waiting</span>" in row
    assert "Waiting for a worker." in row
    claim_shard(lab.database, lab.settings, job_id=search.id, idx=0, owner="here:1:x")
    row = page_of(lab, path).partition(f'href="/jobs/{search.id}"')[2].partition("</tr>")[0]
    assert "Running</span>" in row


def test_the_api_tells_since_when_a_job_waits(lab, jobs, search):
    headers = {"Authorization": f"Bearer {lab.keys['admin']}"}
    told = lab.app.test_client().get(f"/api/v1/jobs/{search.id}", headers=headers).get_json()
    assert told["waiting_since"] == jobs.progress(search.id).waiting_since.isoformat()
    assert told["eta_s"] is None
