"""Faults in real processes: the job ends right, once, whatever is killed, frozen or wiped."""

import signal

from tests.webapp.jobs.conftest import wait_until
from webapp.jobs.dispatching import expire_leases
from webapp.jobs.huey_engine import open_queue
from webapp.jobs.process import host_prefix, how_it_ended
from webapp.records.jobs import JobState

WORKER, DISPATCHER = "webapp.jobs.worker", "webapp.jobs.dispatcher"


def lines(settings, job):
    return (settings.data_root / "reports" / f"r{job.id}" / "lines.txt").read_text()


def expected(n, steps):
    return "".join(f"{part}.{step}\n" for part in range(n) for step in range(steps))


def ended(jobs, job):
    return wait_until(lambda: (row := jobs.get(job.id)).state.ended and row)


def test_a_worker_killed_in_mid_shard_costs_that_shard_alone(jobs, settings, start, trace):
    job = jobs.enqueue("count", {"n": 3, "steps": 10, "step_s": 0.03})
    start(DISPATCHER)
    first = start(WORKER)
    wait_until(trace)
    first.kill()
    start(WORKER)
    assert ended(jobs, job).state is JobState.DONE
    assert lines(settings, job) == expected(3, 10)
    assert sorted(line[0] for line in trace() if line[3] == "end") == ["0", "1", "2"]
    assert len([line for line in trace() if line[3] == "start"]) == 5, "One start more than there are parts."


def test_a_frozen_worker_that_wakes_late_changes_nothing(jobs, settings, start, trace):
    job = jobs.enqueue("count", {"n": 1, "steps": 10, "step_s": 0.05})
    start(DISPATCHER)
    frozen = start(WORKER)
    wait_until(trace)
    frozen.send_signal(signal.SIGSTOP)
    start(WORKER)
    assert ended(jobs, job).state is JobState.DONE
    frozen.send_signal(signal.SIGCONT)
    another = jobs.enqueue("count", {"n": 1})
    assert ended(jobs, another).state is JobState.DONE
    assert lines(settings, job) == expected(1, 10)
    assert [line[1] for line in trace()[:4] if line[3] == "end" and line[0] == "0"] == ["2"]


def test_a_shard_that_kills_its_worker_fails_after_four_tries(jobs, database, start, trace):
    job = jobs.enqueue("poison", {"n": 1})
    start(DISPATCHER)
    workers = []
    while not jobs.get(job.id).state.ended:
        workers.append(start(WORKER))
        wait_until(lambda: workers[-1].poll() is not None or jobs.get(job.id).state.ended)
        if workers[-1].poll() is not None:
            reason = how_it_ended(workers[-1].returncode)
            expire_leases(database, owner_prefix=host_prefix(workers[-1].pid), reason=reason)
    assert jobs.get(job.id).state is JobState.FAILED
    assert "killed: out of memory? (SIGKILL), 4 times at this part" in jobs.get(job.id).error
    assert len(trace()) == 4


def test_a_wiped_queue_loses_nothing(jobs, settings, start):
    job = jobs.enqueue("count", {"n": 2})
    start(DISPATCHER)
    queue = open_queue(settings, "cpu")
    wait_until(lambda: queue.pending_count() == 2)
    queue.flush()
    queue.storage.close()
    start(WORKER)
    assert ended(jobs, job).state is JobState.DONE
    assert lines(settings, job) == expected(2, 1)


def test_a_worker_asked_to_end_gives_its_shard_back(jobs, settings, start, trace):
    job = jobs.enqueue("count", {"n": 1, "steps": 400, "step_s": 0.05})
    start(DISPATCHER)
    worker = start(WORKER)
    wait_until(trace)
    worker.terminate()
    assert worker.wait(timeout=15) == 0
    assert jobs.progress(job.id).shards == {"pending": 2}
    assert (settings.data_root / "queue.db").stat().st_mode & 0o777 == 0o600
