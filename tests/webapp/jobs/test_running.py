import threading
import time

import pytest
from sqlalchemy import select, update

from datasets.atomic import sha256_file
from webapp.jobs.lease import Lease, claim_shard
from webapp.jobs.running import job_folder, never
from webapp.records.jobs import Job, JobState, Shard, ShardState


@pytest.fixture
def shard_of(database):
    def read(job_id, idx=0):
        with database.reading() as session:
            return session.get_one(Shard, (job_id, idx))

    return read


def test_a_shard_names_its_file_and_hash(jobs, bench, settings, shard_of):
    job = jobs.enqueue("count", {"n": 1})
    assert bench.run(job.id, 0)
    shard, path = shard_of(job.id), job_folder(settings, job.id) / "0.a1"
    assert (shard.state, shard.output, shard.sha256) == (ShardState.DONE, "0.a1", sha256_file(path))


def test_a_ticket_that_comes_four_times_at_once_gives_one_result(jobs, bench, trace):
    job = jobs.enqueue("count", {"n": 1, "steps": 3, "step_s": 0.05})
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(bench.run(job.id, 0))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]
    assert not bench.run(job.id, 0)
    assert len(trace()) == 2


def test_a_stale_ticket_does_nothing(jobs, bench):
    job = jobs.enqueue("count", {"n": 1})
    assert not bench.run(job.id, 9)
    assert not bench.run(999, 0)
    assert not bench.run(job.id, 1), "The last stage waits for the first."
    jobs.cancel(job.id)
    assert not bench.run(job.id, 0)


@pytest.mark.parametrize(("how", "reason"), [("bug", "RuntimeError: the reason"), ("memory", "Ran out of memory")])
def test_a_failure_is_tried_again_and_ends_well(jobs, how, reason):
    job = jobs.enqueue("fail", {"n": 1, "how": how, "failures": 3})
    assert jobs.run_until_ended(job.id).state is JobState.DONE
    texts = [line.text for line in jobs.progress(job.id).log]
    assert sum(text.startswith(reason) for text in texts) == 3


def test_the_fourth_failure_is_the_last(jobs):
    job = jobs.enqueue("fail", {"n": 1, "how": "bug", "failures": 9})
    ended = jobs.run_until_ended(job.id)
    assert (ended.state, ended.error) == (JobState.FAILED, "RuntimeError: the reason")
    assert any("Traceback" in line.text for line in jobs.progress(job.id).log if line.level == "debug")


def test_a_refusal_is_not_tried_again(jobs):
    job = jobs.enqueue("fail", {"n": 1, "how": "refusal", "failures": 1})
    ended = jobs.run_until_ended(job.id)
    assert (ended.state, ended.error) == (JobState.FAILED, "the reason")
    assert sum(line.text.startswith("Attempt") for line in jobs.progress(job.id).log) == 1
    jobs.resume(job.id)
    assert jobs.run_until_ended(job.id).state is JobState.DONE


def test_a_failure_waits_longer_each_time(jobs, bench, settings, shard_of):
    object.__setattr__(settings, "backoff_s", 3.0)
    job = jobs.enqueue("fail", {"n": 1, "how": "bug", "failures": 9})
    before = time.time()
    bench.run(job.id, 0)
    assert shard_of(job.id).not_before == pytest.approx(before + 3, abs=1.5)
    assert not bench.run(job.id, 0)
    assert bench.dispatch() == []


def test_a_job_that_runs_is_cancelled_between_batches(jobs, bench, trace):
    job = jobs.enqueue("count", {"n": 1, "steps": 200, "step_s": 0.05})
    thread = threading.Thread(target=bench.run, args=(job.id, 0))
    thread.start()
    while not trace():
        time.sleep(0.01)
    jobs.cancel(job.id)
    thread.join(timeout=5)
    assert not thread.is_alive()
    bench.dispatch()
    assert jobs.get(job.id).state is JobState.CANCELLED
    assert [line[3] for line in trace()] == ["start"]


def test_a_worker_that_ends_gives_its_shard_back_without_counting_it(jobs, bench, shard_of):
    job = jobs.enqueue("count", {"n": 1, "steps": 5})
    assert bench.run(job.id, 0, stopping=lambda: True)
    shard = shard_of(job.id)
    assert (shard.state, shard.tries, shard.attempt) == (ShardState.PENDING, 0, 1)
    assert jobs.run_until_ended(job.id).state is JobState.DONE


@pytest.mark.parametrize("second_owner", ["there:2:y", "here:1:x"])
def test_a_late_worker_is_fenced_off(jobs, bench, database, settings, shard_of, second_owner):
    job = jobs.enqueue("count", {"n": 1, "steps": 1, "step_s": 1.5})
    late = threading.Thread(target=bench.run, args=(job.id, 0))
    late.start()
    while shard_of(job.id).state is not ShardState.LEASED:
        time.sleep(0.01)
    second = None
    while second is None and late.is_alive():  # On a slow machine the late one may renew its lease in between.
        with database.transaction() as session:
            session.execute(update(Shard).where(Shard.idx == 0).values(lease=0.0))
        second = claim_shard(database, settings, job_id=job.id, idx=0, owner=second_owner)
    late.join()
    shard = shard_of(job.id)
    assert (second.attempt, shard.state, shard.owner) == (2, ShardState.LEASED, second_owner)
    assert not (job_folder(settings, job.id) / "0.a1").exists()


def test_the_lease_is_renewed_while_the_work_goes_on(jobs, bench, trace, shard_of):
    job = jobs.enqueue("count", {"n": 1, "steps": 30, "step_s": 0.1})
    thread = threading.Thread(target=bench.run, args=(job.id, 0))
    thread.start()
    time.sleep(2.3)  # Longer than the lease.
    assert shard_of(job.id).lease > time.time()
    assert jobs.progress(job.id).message.startswith("Step")
    assert not bench.run(job.id, 0)
    thread.join()
    assert shard_of(job.id).state is ShardState.DONE


def test_a_part_that_was_changed_is_not_used(jobs, bench, settings):
    job = jobs.enqueue("count", {"n": 1})
    bench.run(job.id, 0)
    (job_folder(settings, job.id) / "0.a1").write_text("changed")
    ended = jobs.run_until_ended(job.id)
    assert ended.state is JobState.FAILED
    assert "The part 0.a1 of job 1 is not as it was written" in ended.error


def test_every_job_starts_once(jobs, database):
    job = jobs.enqueue("count", {"n": 2})
    jobs.run_until_ended(job.id)
    with database.reading() as session:
        row = session.scalars(select(Job)).one()
    assert row.created <= row.started <= row.finished


def test_the_share_of_a_part_never_falls(jobs, database, settings):
    job = jobs.enqueue("count", {"n": 1})
    seen = []
    for steps in (((1, 4), (3, 4), (1, 4), (0, 0)), ((1, 8), (7, 8))):
        # The second attempt begins anew.
        lease = Lease(database, settings, claim_shard(database, settings, job_id=job.id, idx=0, owner="w"), never)
        for done, total in steps:
            lease.tick(done, total, "at it")
            lease._renew()
            seen.append(jobs.progress(job.id).fraction)
        with database.transaction() as session:
            session.execute(update(Shard).where(Shard.idx == 0).values(state=ShardState.PENDING))
        seen.append(jobs.progress(job.id).fraction)
    assert seen == sorted(seen)
    whole = jobs.progress(job.id)
    assert seen[1] == seen[3] == seen[4] == seen[5] == pytest.approx(seen[-1] * (3 / 4) / (7 / 8))
    assert whole.fraction < 1
