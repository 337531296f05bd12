"""Which jobs wait for a worker, and since when; a job whose next part nobody holds does not run."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.jobs.lease import LIVE
from webapp.records.jobs import Job, JobLog, Shard, ShardState, Worker
from webapp.records.session import clock

_SEEN_S = 30.0
"""A worker says every 5 s that it is alive; one that was silent for so long is taken for gone."""


def waiting_since(session: Session, jobs: Iterable[Job]) -> dict[int, datetime]:
    """By id, since when those of the jobs wait that have a part to do and no worker at it.

    That is since their newest line of the log: whatever makes a job wait is written there. A part whose worker went
    without a word waits since its lease ran out.
    """
    live = [job.id for job in jobs if job.state in LIVE and not job.cancel]
    moment = clock(session)
    open_parts = session.execute(
        select(Shard.job_id, func.max(Shard.lease))
        .where(Shard.job_id.in_(live), Shard.state.in_((ShardState.PENDING, ShardState.LEASED)))
        .group_by(Shard.job_id)
    )
    lost = {job_id: lease or 0.0 for job_id, lease in open_parts if (lease or 0.0) < moment}
    newest = select(JobLog.job_id, func.max(JobLog.at)).where(JobLog.job_id.in_(lost)).group_by(JobLog.job_id)
    return {job_id: max(at, datetime.fromtimestamp(lost[job_id], UTC)) for job_id, at in session.execute(newest)}


def a_worker_is_up(session: Session) -> bool:
    """Whether any worker was seen alive just now."""
    return session.scalar(select(func.max(Worker.seen)).where(Worker.seen >= clock(session) - _SEEN_S)) is not None
