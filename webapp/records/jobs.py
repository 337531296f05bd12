"""The truth about jobs: jobs, their shards, their log, the workers and the leader.

Leases and tickets are seconds since the epoch by the database's clock, since they are only compared and added to.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.records.accounts import User
from webapp.records.base import Choice, Record, now


class JobState(StrEnum):
    """Where a job stands; the last three are ends."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class ShardState(StrEnum):
    """Where a shard stands."""

    PENDING = "pending"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Record):
    """One piece of long work, cut into shards."""

    __tablename__ = "job"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), index=True)
    params: Mapped[dict[str, Any]]
    state: Mapped[JobState] = mapped_column(Choice(JobState), default=JobState.QUEUED, index=True)
    n_shards: Mapped[int]
    cancel: Mapped[bool] = mapped_column(default=False)
    priority: Mapped[int] = mapped_column(default=0)
    queue: Mapped[str] = mapped_column(String(16), default="cpu")
    message: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str | None] = mapped_column(Text)
    artefact_id: Mapped[str | None] = mapped_column(String(64))  # What the job made, once it is there.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(default=now)
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]
    owner: Mapped[User | None] = relationship(lazy="joined")


class Shard(Record):
    """A part of a job that one worker does in one go; of a stage that starts when all lower stages are done."""

    __tablename__ = "shard"
    __table_args__ = (Index("ix_shard_state_lease", "state", "lease"),)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), primary_key=True)
    idx: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    stage: Mapped[int] = mapped_column(default=0)
    state: Mapped[ShardState] = mapped_column(Choice(ShardState), default=ShardState.PENDING)
    attempt: Mapped[int] = mapped_column(default=0)  # Never reset: it fences a late worker off.
    tries: Mapped[int] = mapped_column(default=0)  # Attempts that count against the limit.
    owner: Mapped[str | None] = mapped_column(String(120))
    lease: Mapped[float | None] = mapped_column(Float)
    ticket: Mapped[float | None] = mapped_column(Float)  # When a ticket was last sent and not yet taken.
    not_before: Mapped[float] = mapped_column(Float, default=0.0)  # Back-off after a failure.
    weight: Mapped[float] = mapped_column(Float, default=1.0)  # Share of the job's work.
    items: Mapped[int] = mapped_column(default=0)
    done_items: Mapped[int] = mapped_column(default=0)
    output: Mapped[str | None] = mapped_column(String(200))  # The winner's file, in the job's folder.
    sha256: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    started: Mapped[datetime | None]
    finished: Mapped[datetime | None]


class JobLog(Record):
    """A line of a job's log."""

    __tablename__ = "joblog"
    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("job.id", ondelete="CASCADE"), index=True)
    idx: Mapped[int | None]
    at: Mapped[datetime] = mapped_column(default=now)
    level: Mapped[str] = mapped_column(String(10), default="info")
    text: Mapped[str] = mapped_column(Text)


class Worker(Record):
    """A worker process that was seen alive."""

    __tablename__ = "worker"
    id: Mapped[str] = mapped_column(String(120), primary_key=True)
    host: Mapped[str] = mapped_column(String(80))
    pid: Mapped[int]
    queues: Mapped[list[str]] = mapped_column(JSON)
    gpu: Mapped[str | None] = mapped_column(String(80))
    seen: Mapped[float] = mapped_column(Float)


class Leader(Record):
    """Who holds a duty that only one process may do at a time."""

    __tablename__ = "leader"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner: Mapped[str] = mapped_column(String(120))
    until: Mapped[float] = mapped_column(Float)
