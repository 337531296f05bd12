from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from webapp.errors import BadJob, UnknownRecord, WrongState
from webapp.jobs.lease import claim_shard
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job, JobLog, JobState, Shard, ShardState, Worker
from webapp.records.session import clock


def test_a_job_ends_with_its_artefact(jobs, database, settings):
    job = jobs.enqueue("count", {"n": 3, "steps": 2})
    assert job.state is JobState.QUEUED
    done = jobs.run_until_ended(job.id)
    assert (done.state, done.artefact_id) == (JobState.DONE, f"r{job.id}")
    with database.reading() as session:
        made = session.get_one(Artefact, done.artefact_id)
    assert (made.kind, made.name, made.facts) == (ArtefactKind.REPORT, "lines", {"n": 3})
    text = (settings.data_root / made.folder / "lines.txt").read_text()
    assert text == "0.0\n0.1\n1.0\n1.1\n2.0\n2.1\n"


def test_the_working_files_of_a_job_that_is_done_are_gone(jobs, settings):
    jobs.run_until_ended(jobs.enqueue("count", {"n": 2}).id)
    assert list((settings.data_root / "work" / "jobs").iterdir()) == []


def test_an_unknown_kind_is_refused(jobs):
    with pytest.raises(BadJob, match=r"There is no kind of job 'dig'; there are .*count"):
        jobs.enqueue("dig", {})


def test_a_kind_refuses_its_parameters_at_once(jobs):
    with pytest.raises(BadJob, match="0 parts were asked for; ask for 1 or more"):
        jobs.enqueue("count", {"n": 0})


def test_an_unknown_job_is_named(jobs):
    for ask in (jobs.get, jobs.cancel, jobs.resume, jobs.progress):
        with pytest.raises(UnknownRecord, match="There is no job 7"):
            ask(7)


def test_progress_counts_parts_by_their_weight(jobs, bench):
    job = jobs.enqueue("count", {"n": 2, "steps": 4})
    assert jobs.progress(job.id).fraction == 0.0
    assert jobs.progress(job.id).eta_s is None
    bench.dispatch()
    bench.run(job.id, 0)
    progress = jobs.progress(job.id)
    assert progress.fraction == pytest.approx(4 / 9)
    assert progress.shards == {"pending": 2, "done": 1}
    assert progress.state is JobState.RUNNING
    assert progress.title == "Test: count"
    assert [line.text for line in progress.log][-1] == "Done."
    assert jobs.progress(job.id, after_log=progress.log[-1].id).log == ()


def test_a_job_waits_until_a_worker_has_a_part_in_hand(jobs, bench, database):
    job = jobs.enqueue("count", {"n": 2, "steps": 4})
    assert jobs.progress(job.id).waiting_since == log_of(jobs, job)[-1].at
    bench.dispatch()
    bench.run(job.id, 0)
    waits = jobs.progress(job.id)
    assert (waits.state, waits.message, waits.eta_s) == (JobState.RUNNING, "Waiting for a worker.", None)
    assert waits.waiting_since == log_of(jobs, job)[-1].at
    claim_shard(database, jobs._settings, job_id=job.id, idx=1, owner="here:1:x")
    works = jobs.progress(job.id)
    assert works.waiting_since is None
    assert works.eta_s > 0


def test_a_part_whose_worker_went_without_a_word_waits_since_its_lease_ran_out(jobs, database, settings):
    job = jobs.enqueue("count", {"n": 1})
    claim_shard(database, settings, job_id=job.id, idx=0, owner="here:1:x")
    ran_out = datetime.now(UTC) - timedelta(seconds=1)
    with database.transaction() as session:
        session.execute(update(Shard).where(Shard.idx == 0).values(lease=ran_out.timestamp()))
        session.execute(update(JobLog).values(at=ran_out - timedelta(hours=1)))
    assert abs(jobs.progress(job.id).waiting_since - ran_out) < timedelta(milliseconds=1)


def test_a_job_that_ends_or_has_ended_does_not_wait(jobs, bench):
    job = jobs.enqueue("count", {"n": 2})
    jobs.cancel(job.id)
    assert jobs.progress(job.id).waiting_since is None
    bench.dispatch()
    assert jobs.progress(job.id).waiting_since is None
    done = jobs.run_until_ended(jobs.enqueue("count", {"n": 1}).id)
    assert jobs.progress(done.id).waiting_since is None


def test_a_worker_that_was_seen_lately_is_up(jobs, database):
    job = jobs.enqueue("count", {"n": 1})
    for age, up in ((None, False), (100.0, False), (5.0, True)):
        if age is not None:
            with database.transaction() as session:
                session.merge(Worker(id="w", host="h", pid=1, queues=["cpu"], seen=clock(session) - age))
        assert jobs.progress(job.id).worker_up is up


def log_of(jobs, job):
    return jobs.progress(job.id).log


def test_a_job_that_waits_is_cancelled_at_once(jobs, bench):
    job = jobs.enqueue("count", {"n": 3})
    assert jobs.cancel(job.id).cancel
    assert jobs.progress(job.id).cancelling
    assert bench.dispatch() == []
    assert jobs.get(job.id).state is JobState.CANCELLED
    assert jobs.progress(job.id).shards == {"cancelled": 4}


def test_a_cancelled_job_keeps_what_is_done_when_it_is_resumed(jobs, bench, trace):
    job = jobs.enqueue("count", {"n": 3})
    bench.dispatch()
    bench.run(job.id, 1)
    jobs.cancel(job.id)
    bench.dispatch()
    assert jobs.resume(job.id).state is JobState.QUEUED
    assert jobs.run_until_ended(job.id).state is JobState.DONE
    assert [line[0] for line in trace() if line[3] == "start"].count("1") == 1


def test_only_what_makes_sense_is_allowed(jobs):
    job = jobs.enqueue("count", {"n": 1})
    with pytest.raises(WrongState, match="is queued; only a failed or cancelled job can be resumed"):
        jobs.resume(job.id)
    jobs.run_until_ended(job.id)
    with pytest.raises(WrongState, match="is done; only a job that waits or runs can be cancelled"):
        jobs.cancel(job.id)


def test_making_the_same_artefact_again_keeps_its_name_and_adds_facts(jobs, database):
    job = jobs.enqueue("count", {"n": 1})
    jobs.run_until_ended(job.id)
    with database.transaction() as session:
        made = session.get_one(Artefact, f"r{job.id}")
        made.name, made.facts = "named by hand", {"more": 1}
        session.get_one(Job, job.id).state = JobState.FAILED
        session.execute(update(Shard).values(state=ShardState.CANCELLED))
    jobs.resume(job.id)
    jobs.run_until_ended(job.id)
    with database.reading() as session:
        made = session.get_one(Artefact, f"r{job.id}")
    assert (made.name, made.facts) == ("named by hand", {"more": 1, "n": 1})


def test_a_job_that_begins_says_no_more_that_it_waits(jobs, database, settings):
    job = jobs.enqueue("count", {"n": 1})
    claim_shard(database, settings, job_id=job.id, idx=0, owner="here:1:x")
    assert jobs.progress(job.id).message == "Starting."
