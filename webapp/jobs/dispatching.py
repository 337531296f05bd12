"""Send tickets for what is to be done, take back what was dropped, and settle jobs: outbox, reaper and retry in one.

Several dispatchers may run; one leads, by a lease of its own. Two that lead for a moment do no harm, since tickets may
come twice and every change is conditional.
"""

import logging
import shutil

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session, aliased

from webapp.config import Settings
from webapp.jobs.engines import Engine
from webapp.jobs.journal import note
from webapp.jobs.lease import LIVE, changed
from webapp.jobs.running import job_folder
from webapp.records.base import now
from webapp.records.jobs import Job, JobState, Leader, Shard, ShardState, Worker
from webapp.records.session import Database, clock

logger = logging.getLogger(__name__)

KILLED = "killed: out of memory?"
_FORGET_WORKERS_S = 3600.0
_ADVICE = "Give the machine more memory, or work on fewer or smaller images, then resume the job."

Ticket = tuple[int, int, str]


class Dispatcher:
    """Keeps the jobs of one database moving; call `step` again and again."""

    def __init__(self, database: Database, settings: Settings, engine: Engine, owner: str) -> None:
        self._database, self._settings, self._engine, self._owner = database, settings, engine, owner
        # Long enough that a busy leader keeps its duty, short enough that a killed one is soon replaced.
        self._term_s = max(2.0, 10 * settings.dispatch_s)

    def step(self) -> bool:
        """Do what is due now; False when another dispatcher leads."""
        with self._database.transaction() as session:
            moment = clock(session)
            if not self._lead(session, moment):
                return False
            self._take_back(session, moment)
            done = self._settle(session)
            tickets = self._due(session, moment)
            session.query(Worker).where(Worker.seen < moment - _FORGET_WORKERS_S).delete()
        for job_id in done:
            shutil.rmtree(job_folder(self._settings, job_id), ignore_errors=True)
        self._send(tickets)
        return True

    def _lead(self, session: Session, moment: float) -> bool:
        leader = session.get(Leader, "dispatch", with_for_update=True)
        if leader is None:
            session.add(Leader(name="dispatch", owner=self._owner, until=moment + self._term_s))
            return True
        if leader.owner != self._owner and leader.until >= moment:
            return False
        # Half of the term, so that an idle system does not write at every step.
        if leader.owner != self._owner or leader.until - moment < self._term_s / 2:
            leader.owner, leader.until = self._owner, moment + self._term_s
        return True

    def _take_back(self, session: Session, moment: float) -> None:
        expired = select(Shard).where(Shard.state == ShardState.LEASED, Shard.lease < moment).with_for_update()
        for shard in session.scalars(expired):
            job = session.get_one(Job, shard.job_id)
            # A supervisor that saw the worker die has written how; else the lease simply ran out.
            how = shard.error if shard.lease == 0.0 and shard.error else f"lost without a word ({KILLED})"
            note(session, job.id, f"The worker {shard.owner} was {how}", idx=shard.idx, level="warning")
            shard.lease = shard.ticket = None
            if job.cancel or job.state not in LIVE:
                shard.state = ShardState.CANCELLED
            elif shard.tries >= self._settings.max_attempts:
                shard.state, shard.finished = ShardState.FAILED, now()
                shard.error = f"The worker was {how}, {shard.tries} times at this part. {_ADVICE}"
            else:
                shard.state = ShardState.PENDING

    def _settle(self, session: Session) -> list[int]:
        """End the jobs that have nothing left to do; gives the ids of those that are done."""
        done: list[int] = []
        for job in session.scalars(select(Job).where(Job.state.in_(LIVE))):
            counts: dict[ShardState, int] = dict(
                session.execute(
                    select(Shard.state, func.count()).where(Shard.job_id == job.id).group_by(Shard.state)
                ).all()
            )
            if counts.get(ShardState.FAILED):
                self._fail(session, job)
            elif counts.get(ShardState.DONE, 0) == job.n_shards:
                self._end(session, job, JobState.DONE, "Done.")
                done.append(job.id)
            elif job.cancel and not counts.get(ShardState.LEASED):
                self._end(session, job, JobState.CANCELLED, "Cancelled.")
        return done

    def _fail(self, session: Session, job: Job) -> None:
        failed = select(Shard).where(Shard.job_id == job.id, Shard.state == ShardState.FAILED).order_by(Shard.idx)
        first = session.scalars(failed).first()
        job.error = first.error if first else None
        self._end(session, job, JobState.FAILED, "Failed.")

    def _end(self, session: Session, job: Job, state: JobState, text: str) -> None:
        job.state, job.finished, job.message = state, now(), text
        note(session, job.id, text, level="error" if state is JobState.FAILED else "info")
        if state is not JobState.DONE:
            rest = update(Shard).where(Shard.job_id == job.id, Shard.state == ShardState.PENDING)
            changed(session, rest.values(state=ShardState.CANCELLED, ticket=None))

    def _due(self, session: Session, moment: float) -> list[Ticket]:
        """Mark and give the tickets to send: up to the window, those that wait longest first."""
        stale = moment - self._settings.ticket_ttl_s
        waiting = select(func.count()).where(Shard.state == ShardState.PENDING, Shard.ticket >= stale)
        room = self._settings.window - int(session.scalar(waiting) or 0)
        if room <= 0:
            return []
        lower = aliased(Shard)
        blocked = select(lower.idx).where(
            lower.job_id == Shard.job_id, lower.stage < Shard.stage, lower.state != ShardState.DONE
        )
        due = (
            select(Shard, Job.queue)
            .join(Job, Job.id == Shard.job_id)
            .where(
                Job.state.in_(LIVE),
                Job.cancel.is_(False),
                Shard.state == ShardState.PENDING,
                Shard.not_before <= moment,
                or_(Shard.ticket.is_(None), Shard.ticket < stale),
                ~blocked.exists(),
            )
            # By shard before job: jobs that run together share the workers.
            .order_by(Job.priority.desc(), func.coalesce(Shard.ticket, 0.0), Shard.idx, Shard.job_id)
            .limit(room)
        )
        tickets: list[Ticket] = []
        for shard, queue in session.execute(due):
            shard.ticket = moment
            tickets.append((shard.job_id, shard.idx, queue))
        return tickets

    def _send(self, tickets: list[Ticket]) -> None:
        """Hand the tickets to the engine; one that it does not take is sent again once its time is over."""
        for job_id, idx, queue in tickets:
            try:
                self._engine.send(job_id, idx, queue)
            except OSError:
                logger.exception("The ticket of shard %s/%s was not taken.", job_id, idx)


def expire_leases(database: Database, *, owner_prefix: str, reason: str) -> int:
    """End the leases of workers that are known to be dead, so that their shards go on at once."""
    with database.transaction() as session:
        dead = update(Shard).where(
            Shard.state == ShardState.LEASED, Shard.owner.startswith(owner_prefix, autoescape=True)
        )
        return changed(session, dead.values(lease=0.0, error=reason))
