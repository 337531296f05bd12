"""What was screened, how it was decided and who looked behind a withheld class."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.records.accounts import ApiKey, User
from webapp.records.base import Record, new_id, now


class Screening(Record):
    """One scan and the gate's decision on it."""

    __tablename__ = "screening"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    gate_id: Mapped[str | None] = mapped_column(ForeignKey("artefact.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64), index=True)  # Of the bytes as they were sent.
    name: Mapped[str] = mapped_column(String(255))
    verdict: Mapped[str] = mapped_column(String(16), index=True)
    decision: Mapped[dict[str, Any]]
    image: Mapped[str | None] = mapped_column(String(1024))  # PNG for display, relative to the data root.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"), index=True)
    key_id: Mapped[int | None] = mapped_column(ForeignKey("api_key.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(default=now, index=True)
    owner: Mapped[User | None] = relationship(lazy="joined")
    key: Mapped[ApiKey | None] = relationship(lazy="select")
    overrides: Mapped[list["OverrideNote"]] = relationship(
        back_populates="screening", order_by="OverrideNote.id", lazy="selectin"
    )


class OverrideNote(Record):
    """Who had a withheld class shown, when, and why."""

    __tablename__ = "override_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    screening_id: Mapped[str] = mapped_column(ForeignKey("screening.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime] = mapped_column(default=now)
    screening: Mapped[Screening] = relationship(back_populates="overrides")
    user: Mapped[User | None] = relationship(lazy="joined")
