"""What was uploaded, made and released; the bytes themselves lie in the data root."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.records.accounts import User
from webapp.records.base import Choice, Record, new_id, now


class ArtefactKind(StrEnum):
    """The kinds of artefact, in the order in which they are made."""

    DATASET = "dataset"
    CLASSIFIER = "classifier"
    ADVERSARIAL = "adversarial"
    DETECTOR = "detector"
    GATE = "gate"
    REPORT = "report"
    POISONING = "poisoning"
    TRUSTED = "trusted"
    FINDING = "finding"
    REPAIR = "repair"
    AUDIT = "audit"


class Upload(Record):
    """A file that was sent in; the server chose where it lies."""

    __tablename__ = "upload"
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(255))  # As the sender called it; for display only.
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(String(1024))  # Relative to the data root.
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    created: Mapped[datetime] = mapped_column(default=now)
    owner: Mapped[User | None] = relationship(lazy="joined")


class Artefact(Record):
    """A data set, classifier, adversarial set, detector, gate or report, or something of the poisoning lab."""

    __tablename__ = "artefact"
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[ArtefactKind] = mapped_column(Choice(ArtefactKind), index=True)
    name: Mapped[str] = mapped_column(String(200))
    folder: Mapped[str] = mapped_column(String(1024))  # Relative to the data root.
    state: Mapped[str] = mapped_column(String(16), default="ready")
    parents: Mapped[list[str]] = mapped_column(default=list)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # What lists and pages show without opening it.
    created: Mapped[datetime] = mapped_column(default=now)
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    owner: Mapped[User | None] = relationship(lazy="joined")


class Release(Record):
    """A gate that was put in front of the classifier; at most one is active."""

    __tablename__ = "release"
    # The database itself keeps a second active row out.
    __table_args__ = (
        Index(
            "ix_release_one_active", "active", unique=True, sqlite_where=text("active"), postgresql_where=text("active")
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    gate_id: Mapped[str] = mapped_column(ForeignKey("artefact.id"), index=True)
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id", ondelete="SET NULL"))
    at: Mapped[datetime] = mapped_column(default=now)
    active: Mapped[bool] = mapped_column(default=False)
    gate: Mapped[Artefact] = relationship(lazy="joined")
    released_by: Mapped[User | None] = relationship(lazy="joined")
