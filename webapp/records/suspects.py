"""What was decided of each image that a search for poison lists."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from webapp.records.base import Choice, Record, now


class Ruling(StrEnum):
    """What somebody says of a suspect: the first two confirm it, each with its repair, the last clears it."""

    DROP = "drop"
    RELABEL = "relabel"
    CLEAR = "clear"


class SuspectDecision(Record):
    """What was decided of one suspect; one that nobody decided has no row."""

    __tablename__ = "suspect_decision"
    __table_args__ = (UniqueConstraint("finding_id", "item"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    finding_id: Mapped[str] = mapped_column(ForeignKey("artefact.id", ondelete="CASCADE"))
    item: Mapped[int]  # Of the data set that was looked at.
    decision: Mapped[Ruling] = mapped_column(Choice(Ruling))
    label: Mapped[int | None]  # The true class, where it is relabelled.
    by: Mapped[str] = mapped_column(String(255))
    at: Mapped[datetime] = mapped_column(default=now)
