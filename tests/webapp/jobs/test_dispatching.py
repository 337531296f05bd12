from dataclasses import replace

from sqlalchemy import select, update

from tests.webapp.jobs.conftest import Bench, HeldTickets
from webapp.jobs.dispatching import Dispatcher, expire_leases
from webapp.jobs.lease import claim_shard
from webapp.records.jobs import Job, JobState, Leader, Shard, ShardState


def test_each_shard_gets_one_ticket_until_its_time_is_over(jobs, bench, database):
    job = jobs.enqueue("count", {"n": 2})
    assert bench.dispatch() == [(job.id, 0), (job.id, 1)]
    assert bench.dispatch() == []
    with database.transaction() as session:
        session.execute(update(Shard).where(Shard.idx == 1).values(ticket=1.0))
    assert bench.dispatch() == [(job.id, 1)]


def test_the_next_stage_waits_for_the_last_part(jobs, bench):
    job = jobs.enqueue("count", {"n": 2})
    bench.dispatch()
    bench.run(job.id, 0)
    assert bench.dispatch() == []
    bench.run(job.id, 1)
    assert bench.dispatch() == [(job.id, 2)]


def test_no_more_tickets_than_the_window(jobs, database, settings):
    bench = Bench(database, replace(settings, window=3))
    job = jobs.enqueue("count", {"n": 8})
    assert len(bench.dispatch()) == 3
    bench.run(job.id, 0)
    assert bench.dispatch() == [(job.id, 3)]


def test_jobs_share_the_window_and_the_urgent_one_comes_first(jobs, database, settings):
    bench = Bench(database, replace(settings, window=5))
    first, second = jobs.enqueue("count", {"n": 8}), jobs.enqueue("count", {"n": 8})
    urgent = jobs.enqueue("count", {"n": 1}, priority=1)
    assert bench.dispatch() == [(urgent.id, 0), (first.id, 0), (second.id, 0), (first.id, 1), (second.id, 1)]


def test_one_dispatcher_leads_and_another_follows_when_it_is_gone(jobs, bench, database, settings):
    other = Dispatcher(database, settings, HeldTickets(), "other")
    bench.dispatch()
    assert not other.step()
    with database.transaction() as session:
        session.execute(update(Leader).values(until=0.0))
    assert other.step()
    assert not bench.dispatcher.step()


def test_a_dead_workers_shard_goes_on_at_once(jobs, bench, database, settings):
    job = jobs.enqueue("count", {"n": 1})
    bench.dispatch()
    assert claim_shard(database, settings, job_id=job.id, idx=0, owner="here:7:boot")
    assert bench.dispatch() == []
    assert expire_leases(database, owner_prefix="here:70:", reason="killed") == 0
    assert expire_leases(database, owner_prefix="here:7:", reason="killed: out of memory? (SIGKILL)") == 1
    assert bench.dispatch() == [(job.id, 0)]
    assert "was killed: out of memory? (SIGKILL)" in jobs.progress(job.id).log[-1].text


def test_a_lease_that_ran_out_four_times_fails_the_job_with_the_reason(jobs, bench, database, settings):
    job = jobs.enqueue("count", {"n": 2})
    for _ in range(4):
        assert claim_shard(database, settings, job_id=job.id, idx=0, owner="here:7:boot")
        with database.transaction() as session:
            session.execute(update(Shard).where(Shard.idx == 0).values(lease=1.0))
        bench.dispatch()
    assert jobs.get(job.id).state is JobState.FAILED
    assert "killed: out of memory?), 4 times at this part" in jobs.get(job.id).error
    with database.reading() as session:
        states = session.scalars(select(Shard.state).order_by(Shard.idx)).all()
    assert states == [ShardState.FAILED, ShardState.CANCELLED, ShardState.CANCELLED]


def test_an_engine_that_takes_no_tickets_stops_nothing(jobs, database, settings):
    class Broken:
        def send(self, job_id, idx, queue):
            raise OSError("no room")

    job = jobs.enqueue("count", {"n": 1})
    assert Dispatcher(database, settings, Broken(), "dispatcher").step()
    with database.reading() as session:
        assert session.get_one(Job, job.id).state is JobState.QUEUED
