"""What pages and the API ask of jobs: enqueue, cancel, resume, progress."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.words import counted
from webapp.config import Settings
from webapp.errors import UnknownRecord, WrongState
from webapp.jobs.asked import check_histories
from webapp.jobs.inline import run_until_ended
from webapp.jobs.journal import note
from webapp.jobs.lease import LIVE, changed
from webapp.jobs.registry import Params, kind_named, load_kinds, title_of
from webapp.jobs.waiting import a_worker_is_up, waiting_since
from webapp.records.base import now
from webapp.records.jobs import Job, JobLog, JobState, Shard, ShardState
from webapp.records.session import Database

WAITING = "Waiting for a worker."
_LOG_LINES = 200


@dataclass(frozen=True)
class LogLine:
    """A line of a job's log."""

    id: int
    at: datetime
    level: str
    idx: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is."""

    id: int
    kind: str
    title: str
    state: JobState
    cancelling: bool
    fraction: float
    message: str
    error: str | None
    eta_s: float | None  # None as well while it waits: nobody knows for how long.
    elapsed_s: float | None
    waiting_since: datetime | None  # Since when a part is to be done and no worker has one in hand.
    worker_up: bool
    shards: dict[str, int]
    artefact_id: str | None
    params: Params
    owner: str | None
    log: tuple[LogLine, ...]

    @property
    def name(self) -> str:
        """What the job was named by who ordered it; empty where it has no name."""
        return str(self.params.get("name", ""))


class Jobs:
    """The jobs of one database; safe to share between threads."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        load_kinds(settings)

    def enqueue(self, kind: str, params: Params, owner_id: int | None = None, *, priority: int = 0) -> Job:
        """Write a job and its shards down in one commit; it starts by itself, whatever is up or down right now.

        Raises:
            BadJob: no such kind; also what the kind itself raises for parameters that it refuses.
            BrokenHistory: the history of what the parameters name is broken.
        """
        chosen = kind_named(kind)
        check_histories(self._settings, params)
        plans = list(chosen.shards(self._settings, params))
        with self._database.transaction() as session:
            job = Job(
                kind=kind,
                params=params,
                owner_id=owner_id,
                n_shards=len(plans),
                priority=priority,
                queue=chosen.queue,
                message=WAITING,
            )
            session.add(job)
            session.flush()
            session.add_all(
                Shard(job_id=job.id, idx=idx, stage=plan.stage, weight=plan.weight) for idx, plan in enumerate(plans)
            )
            note(session, job.id, f"{chosen.title}: {counted(len(plans), 'part')}.")
        return job

    def get(self, job_id: int) -> Job:
        """The job's row.

        Raises:
            UnknownRecord: there is none.
        """
        with self._database.reading() as session:
            return _job(session, job_id)

    def cancel(self, job_id: int) -> Job:
        """Ask the job to end; a part in hand ends at its next batch, and what is done is kept for a resume.

        Raises:
            WrongState: it has ended already.
        """
        with self._database.transaction() as session:
            job = _job(session, job_id)
            if job.state.ended:
                raise WrongState(f"Job {job_id} is {job.state}; only a job that waits or runs can be cancelled.")
            job.cancel, job.message = True, "Cancelling."
            rest = update(Shard).where(Shard.job_id == job_id, Shard.state == ShardState.PENDING)
            changed(session, rest.values(state=ShardState.CANCELLED, ticket=None))
            note(session, job_id, "Cancel was asked for.")
        return job

    def resume(self, job_id: int) -> Job:
        """Start a failed or cancelled job again; parts that are done are kept.

        Raises:
            WrongState: it has not failed and was not cancelled.
        """
        with self._database.transaction() as session:
            job = _job(session, job_id)
            if job.state not in (JobState.FAILED, JobState.CANCELLED):
                raise WrongState(f"Job {job_id} is {job.state}; only a failed or cancelled job can be resumed.")
            job.state, job.cancel, job.error, job.message = JobState.QUEUED, False, None, WAITING
            job.started = job.finished = None
            rest = update(Shard).where(Shard.job_id == job_id, Shard.state != ShardState.DONE)
            # The attempt stays: it fences off a worker that still holds a shard of the job's former life.
            clean = {"tries": 0, "owner": None, "lease": None, "ticket": None, "not_before": 0.0, "error": None}
            changed(session, rest.values(state=ShardState.PENDING, done_items=0, finished=None, **clean))
            note(session, job_id, "Resumed.")
        return job

    def progress(self, job_id: int, *, after_log: int = 0) -> JobProgress:
        """How far the job is, with the newest lines of its log after the given one."""
        with self._database.reading() as session:
            job = _job(session, job_id)
            shards = list(session.scalars(select(Shard).where(Shard.job_id == job_id)))
            newest = select(JobLog).where(JobLog.job_id == job_id, JobLog.id > after_log).order_by(JobLog.id.desc())
            lines = list(session.scalars(newest.limit(_LOG_LINES)))[::-1]
            waiting = waiting_since(session, [job]).get(job_id)
            worker_up = self._settings.jobs_engine == "inline" or a_worker_is_up(session)
        counts = {str(state): sum(shard.state is state for shard in shards) for state in ShardState}
        total = sum(shard.weight for shard in shards) or 1.0
        end = job.finished or now()
        return JobProgress(
            id=job.id,
            kind=job.kind,
            title=title_of(job.kind),
            state=job.state,
            cancelling=job.cancel and job.state in LIVE,
            fraction=sum(map(_done_weight, shards)) / total if shards else float(job.state is JobState.DONE),
            message=job.message if waiting is None else WAITING,
            error=job.error,
            eta_s=_eta_s(job, shards) if waiting is None else None,
            elapsed_s=(end - job.started).total_seconds() if job.started else None,
            waiting_since=waiting,
            worker_up=worker_up,
            shards={state: count for state, count in counts.items() if count},
            artefact_id=job.artefact_id,
            params=job.params,
            owner=job.owner.email if job.owner else None,
            log=tuple(LogLine(line.id, line.at, line.level, line.idx, line.text) for line in lines),
        )

    def run_until_ended(self, job_id: int) -> Job:
        """Do the job in this very thread, as a program without workers does."""
        return run_until_ended(self._database, self._settings, job_id)


def _job(session: Session, job_id: int) -> Job:
    job = session.get(Job, job_id)
    if job is None:
        raise UnknownRecord(f"There is no job {job_id}; look at the list of jobs.")
    return job


def _done_weight(shard: Shard) -> float:
    if shard.state is ShardState.DONE:
        return shard.weight
    # One that waits for another attempt keeps what it had: it goes on from there, or stands until it is farther.
    if shard.state not in (ShardState.LEASED, ShardState.PENDING) or not shard.items:
        return 0.0
    return shard.weight * min(1.0, shard.done_items / shard.items)


def _eta_s(job: Job, shards: list[Shard]) -> float | None:
    """Seconds left at the pace since the start; parts that were done before a resume do not count."""
    if job.state is not JobState.RUNNING or job.started is None:
        return None
    left = sum(shard.weight - _done_weight(shard) for shard in shards)
    gained = sum(_done_weight(shard) for shard in shards if shard.finished is None or shard.finished >= job.started)
    return (now() - job.started).total_seconds() * left / gained if gained > 0 else None
