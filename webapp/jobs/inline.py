"""An engine without processes, for the demo and for tests: the same claims and commits, in this very thread."""

import time
from collections import deque

from webapp.config import Settings
from webapp.jobs.dispatching import Dispatcher
from webapp.jobs.process import worker_id
from webapp.jobs.running import run_shard
from webapp.records.jobs import Job
from webapp.records.session import Database


class InlineEngine:
    """Keeps tickets in memory."""

    def __init__(self) -> None:
        self.tickets: deque[tuple[int, int]] = deque()

    def send(self, job_id: int, idx: int, queue: str) -> None:
        """Remember the ticket."""
        self.tickets.append((job_id, idx))


def run_until_ended(database: Database, settings: Settings, job_id: int) -> Job:
    """Work in this thread until the job has ended, and give its row."""
    engine, owner = InlineEngine(), worker_id()
    dispatcher = Dispatcher(database, settings, engine, owner)
    while True:
        dispatcher.step()
        with database.reading() as session:
            job = session.get_one(Job, job_id)
        if job.state.ended:
            return job
        if not engine.tickets:
            # Nothing is due: a back-off runs, or another worker has the shard.
            time.sleep(settings.dispatch_s)
        while engine.tickets:
            ticket_job, idx = engine.tickets.popleft()
            run_shard(database, settings, job_id=ticket_job, idx=idx, owner=owner)
