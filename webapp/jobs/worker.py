"""A worker: `python -m webapp.jobs.worker` takes tickets, one at a time, until it is asked to end."""

import argparse
import logging
import os
import socket
import threading

from sqlalchemy.exc import DBAPIError

from pipeline.memory import keep_freed_memory
from webapp.config import Settings
from webapp.jobs.huey_engine import consumer_of
from webapp.jobs.process import worker_id
from webapp.jobs.registry import load_kinds
from webapp.jobs.running import run_shard
from webapp.records.jobs import Worker
from webapp.records.session import Database, clock

logger = logging.getLogger(__name__)

_SEEN_S = 5.0
PATIENCE_S = 20.0  # How long a shard in hand may take to reach its next batch when the worker is to end.


def main() -> int:
    """Run a worker until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m webapp.jobs.worker", description="Take tickets and do shards.")
    parser.add_argument("--queue", default="cpu", help="the queue to serve (default: %(default)s)")
    queue = parser.parse_args().queue
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Huey tells every ticket; ours are in the job's log.
    logging.getLogger("huey").setLevel(logging.WARNING)
    keep_freed_memory()
    settings = Settings.from_environment()
    database, owner, ended = Database(settings.database_url), worker_id(), threading.Event()
    load_kinds(settings)

    def take(job_id: int, idx: int) -> None:
        stopping = consumer.stop_flag.is_set
        run_shard(database, settings, job_id=job_id, idx=idx, owner=owner, stopping=stopping)

    consumer = consumer_of(settings, queue, take, patience_s=PATIENCE_S)
    seen = threading.Thread(target=_be_seen, args=(database, owner, queue, ended), name="seen", daemon=True)
    seen.start()
    try:
        consumer.run()
    finally:
        ended.set()
        seen.join()
    return 0


def _be_seen(database: Database, owner: str, queue: str, ended: threading.Event) -> None:
    while True:
        try:
            with database.transaction() as session:
                row = Worker(id=owner, host=socket.gethostname()[:80], pid=os.getpid(), queues=[queue], gpu=None)
                row.seen = clock(session)
                session.merge(row)
        except DBAPIError:
            logger.warning("The worker could not say that it is alive.")
        if ended.wait(_SEEN_S):
            return


if __name__ == "__main__":
    raise SystemExit(main())
