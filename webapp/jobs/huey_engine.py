"""Tickets by Huey on a SQLite file: no server, one worker process a slot."""

import json
import os
import sqlite3
from collections.abc import Callable

from huey import SqliteHuey
from huey.consumer import Consumer
from huey.registry import Message
from huey.serializer import Serializer

from webapp.config import Settings

Run = Callable[[int, int], object]


class _JsonSerializer(Serializer):
    """Tickets as JSON: Huey's default is pickle, which would run what it reads."""

    def _serialize(self, data: object) -> bytes:
        return json.dumps(data).encode()

    def _deserialize(self, data: bytes) -> object:
        return Message(*json.loads(data))


def open_queue(settings: Settings, queue: str) -> SqliteHuey:
    """The queue of that name in the data root."""
    path = settings.data_root / "queue.db"
    settings.data_root.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    # Without fsync: a lost ticket is sent again.
    return SqliteHuey(name=queue, filename=str(path), fsync=False, results=False, serializer=_JsonSerializer())


class HueyEngine:
    """Puts tickets into Huey's file."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tasks: dict[str, Run] = {}

    def send(self, job_id: int, idx: int, queue: str) -> None:
        """Put one ticket into the queue."""
        try:
            if queue not in self._tasks:
                self._tasks[queue] = _task(open_queue(self._settings, queue), _not_here)
            self._tasks[queue](job_id, idx)
        except sqlite3.Error as e:
            raise OSError(f"The queue {queue} cannot be written: {e}") from e


def consumer_of(settings: Settings, queue: str, run: Run, *, patience_s: float) -> Consumer:
    """One thread that takes tickets and runs them; a signal to end lets the shard in hand end by itself first."""
    huey = open_queue(settings, queue)
    _task(huey, run)
    return huey.create_consumer(
        workers=1,
        worker_type="thread",
        initial_delay=0.05,
        max_delay=0.5,
        periodic=False,
        graceful_signal="TERM",
        shutdown_timeout=patience_s,
    )


def _task(huey: SqliteHuey, run: Run) -> Run:
    """The one task there is; defined here for producers and consumers alike, since Huey names it after its module."""

    @huey.task(name="shard")
    def shard(job_id: int, idx: int) -> None:
        run(job_id, idx)

    named: Run = shard
    return named


def _not_here(job_id: int, idx: int) -> None:
    raise RuntimeError(f"The ticket {job_id}/{idx} was taken by a producer; start webapp.jobs.worker to take tickets.")
