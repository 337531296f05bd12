"""A shard in the hands of one worker: claimed, renewed, given back.

Every change is one conditional update, so of several workers that try only one succeeds, and a worker that lost its
lease changes nothing any more.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from webapp.config import Settings
from webapp.jobs.journal import note
from webapp.jobs.registry import Params
from webapp.records.base import now
from webapp.records.jobs import Job, JobState, Shard, ShardState
from webapp.records.session import Database, clock

logger = logging.getLogger(__name__)

LIVE = (JobState.QUEUED, JobState.RUNNING)
_REPORT_S = 1.0


class CancelledByUserError(Exception):
    """The job is to end; raised between batches."""


class LeaseLostError(Exception):
    """Another worker may hold the shard by now; raised between batches."""


class WorkerStoppingError(Exception):
    """This worker is to end and gives the shard back; raised between batches."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A shard that this worker holds, and what it needs to know of it."""

    job_id: int
    idx: int
    stage: int
    attempt: int
    tries: int
    owner: str
    kind: str
    params: Params
    by: str  # Who ordered the job, for the histories of what it makes.
    reached: tuple[int, int]  # How far an attempt before came, as (done, total).
    parts: tuple[tuple[str, str], ...]  # (file, sha256) of every shard of the lower stages, in order.

    def update(self, session: Session, **values: Any) -> bool:
        """Change the shard's row if it is still held; False when it is not."""
        held = (
            update(Shard)
            .where(
                Shard.job_id == self.job_id,
                Shard.idx == self.idx,
                Shard.owner == self.owner,
                Shard.attempt == self.attempt,
                Shard.state == ShardState.LEASED,
            )
            .values(**values)
        )
        return changed(session, held) == 1


def changed(session: Session, statement: Any) -> int:
    """How many rows an update changed."""
    return int(session.execute(statement.execution_options(synchronize_session=False)).rowcount)  # type: ignore[attr-defined]


def _is_free(moment: float) -> ColumnElement[bool]:
    """Nobody holds the shard, or whoever held it has not renewed its lease."""
    return or_(
        and_(Shard.state == ShardState.PENDING, Shard.not_before <= moment),
        and_(Shard.state == ShardState.LEASED, Shard.lease < moment),
    )


def claim_shard(database: Database, settings: Settings, *, job_id: int, idx: int, owner: str) -> Claim | None:
    """Take the shard, or give None for a stale ticket: taken, done, too early, or the job has ended."""
    with database.transaction() as session:
        moment = clock(session)
        lower = aliased(Shard)
        take = (
            update(Shard)
            .where(
                Shard.job_id == job_id,
                Shard.idx == idx,
                _is_free(moment),
                Shard.tries < settings.max_attempts,
                exists().where(Job.id == job_id, Job.state.in_(LIVE), Job.cancel.is_(False)),
                ~exists().where(lower.job_id == job_id, lower.stage < Shard.stage, lower.state != ShardState.DONE),
            )
            .values(
                state=ShardState.LEASED,
                owner=owner,
                attempt=Shard.attempt + 1,
                tries=Shard.tries + 1,
                lease=moment + settings.lease_s,
                ticket=None,
                started=now(),
            )
        )
        if changed(session, take) != 1:
            return None
        shard, job = session.get_one(Shard, (job_id, idx)), session.get_one(Job, job_id)
        if job.started is None:
            job.started, job.message = now(), "Starting."
        job.state = JobState.RUNNING
        note(session, job_id, f"Attempt {shard.tries} started on {owner}.", idx=idx)
        lower_parts = (
            select(Shard.output, Shard.sha256)
            .where(Shard.job_id == job_id, Shard.stage < shard.stage)
            .order_by(Shard.idx)
        )
        return Claim(
            job_id=job_id,
            idx=idx,
            stage=shard.stage,
            attempt=shard.attempt,
            tries=shard.tries,
            owner=owner,
            kind=job.kind,
            params=job.params,
            by=job.owner.email if job.owner else f"job {job_id}",
            reached=(shard.done_items, shard.items),
            parts=tuple((str(output), str(sha256)) for output, sha256 in session.execute(lower_parts)),
        )


def _share(done: int, total: int) -> float:
    return done / total if total else 0.0


class Lease:
    """Renews a claim from a thread of its own while the work is done, and carries its progress to the row."""

    def __init__(self, database: Database, settings: Settings, claim: Claim, stopping: Callable[[], bool]) -> None:
        self._database, self._lease_s, self._claim, self._stopping = database, settings.lease_s, claim, stopping
        self._ended = threading.Event()
        self._cancelled = False
        self._lost = False
        self._good_until = time.monotonic() + settings.lease_s
        self._report: tuple[int, int, str] = (*claim.reached, "")
        self._thread = threading.Thread(target=self._renew_until_ended, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Start to renew."""
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Stop to renew; the row is left as it is."""
        self._ended.set()
        self._thread.join()

    def tick(self, done: int, total: int, message: str) -> None:
        """Report progress between batches; raises when the work must not go on.

        Raises:
            CancelledByUserError: the job was cancelled or has failed elsewhere.
            LeaseLostError: the lease ran out, as after a long freeze.
            WorkerStoppingError: the worker process is asked to end.
        """
        reached, of, _ = self._report
        # Work that begins to count anew, as a second attempt does, leaves the part where it is until it is farther.
        ahead = _share(done, total) >= _share(reached, of)
        self._report = (done, total, message) if ahead else (reached, of, message)
        if self._cancelled:
            raise CancelledByUserError
        # Our own clock too: a worker that wakes from a freeze asks here before its thread has run again.
        if self._lost or time.monotonic() > self._good_until:
            raise LeaseLostError
        if self._stopping():
            raise WorkerStoppingError

    def _renew_until_ended(self) -> None:
        pause = min(_REPORT_S, self._lease_s / 4)
        while not self._ended.wait(pause):
            try:
                self._renew()
            except DBAPIError:
                # The database may come back before the lease has run out; tick() judges by the clock.
                logger.warning("The lease of shard %s/%s was not renewed.", self._claim.job_id, self._claim.idx)
            if self._lost or self._cancelled:
                return

    def _renew(self) -> None:
        asked = time.monotonic()
        done, total, message = self._report
        with self._database.transaction() as session:
            until = clock(session) + self._lease_s
            self._lost = not self._claim.update(session, lease=until, done_items=done, items=total)
            job = session.get_one(Job, self._claim.job_id)
            if not self._lost and message:
                job.message = message
            self._cancelled = job.cancel or job.state not in LIVE
        self._good_until = asked + self._lease_s
