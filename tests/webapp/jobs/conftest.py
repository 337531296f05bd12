"""Jobs with short leases, tickets that a test hands out itself, and real workers."""

import os
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.artefacts import DataRoot
from tests.pipeline.poisoning.pictures import pictures
from webapp.jobs.dispatching import Dispatcher
from webapp.jobs.lease import Lease
from webapp.jobs.running import run_shard
from webapp.jobs.service import Jobs

TREE = Path(__file__).resolve().parents[3]


@pytest.fixture
def settings(settings):
    return replace(
        settings,
        jobs_engine="huey",
        kind_modules=("tests.webapp.jobs.work_kinds",),
        lease_s=2.0,
        dispatch_s=0.05,
        ticket_ttl_s=2.0,
        backoff_s=0.0,
    )


@pytest.fixture
def jobs(database, settings):
    return Jobs(database, settings)


@pytest.fixture
def root(settings):
    return DataRoot(settings.data_root)


@pytest.fixture
def bars(root):
    """A small data set of pictures."""
    return pictures(root.datasets)


class HeldTickets:
    """An engine that hands its tickets to the test."""

    def __init__(self):
        self.tickets = []

    def send(self, job_id, idx, queue):
        self.tickets.append((job_id, idx))


class Bench:
    """A dispatcher and a worker in the test's own process, moved step by step."""

    def __init__(self, database, settings):
        self.database, self.settings, self.engine = database, settings, HeldTickets()
        self.dispatcher = Dispatcher(database, settings, self.engine, "dispatcher")

    def dispatch(self):
        """Tickets sent by one step, as (job, shard)."""
        self.engine.tickets.clear()
        assert self.dispatcher.step()
        return list(self.engine.tickets)

    def run(self, job_id, idx, **more):
        return run_shard(self.database, self.settings, job_id=job_id, idx=idx, owner="here:1:x", **more)


@pytest.fixture
def bench(database, settings):
    return Bench(database, settings)


@pytest.fixture
def start(settings):
    """Start `python -m MODULE` with the test's settings; whatever still runs at the end is killed."""
    started = []

    def start(module):
        environment = {**os.environ, **settings.as_environment(), "SCANGATE_SECRET_KEY": settings.secret_key}
        command = [sys.executable, "-m", module]
        log = (settings.data_root / "processes.log").open("ab")
        started.append(subprocess.Popen(command, env=environment, cwd=TREE, stdout=log, stderr=log))
        log.close()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def trace(settings):
    """The lines that the test kinds have left: (shard, attempt, process, start or end)."""

    def read():
        path = settings.data_root / "trace"
        return [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []

    return read


def wait_until(condition, *, seconds=30.0):
    """What the condition gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "The condition did not come true in time."
        time.sleep(0.02)
    return found


@pytest.fixture
def told_shares(monkeypatch):
    """What the work itself tells of how far each part is, in its order, by (job, part)."""
    shares = defaultdict(list)
    tick = Lease.tick

    def kept(self, done, total, message):
        shares[self._claim.job_id, self._claim.idx].append(done / total if total else 0.0)
        tick(self, done, total, message)

    monkeypatch.setattr(Lease, "tick", kept)
    return shares
