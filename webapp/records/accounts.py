"""Who may do what: users, roles and API keys."""

from datetime import datetime
from enum import StrEnum

from flask_security import RoleMixin, UserMixin
from sqlalchemy import Column, ForeignKey, String, Table
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webapp.records.base import Choice, Record, new_id, now


class RoleName(StrEnum):
    """The roles there are."""

    CLINICIAN = "clinician"
    ADMIN = "admin"


class Scope(StrEnum):
    """What an API key opens: screening alone, or every step of an administrator."""

    SCREEN = "screen"
    ADMIN = "admin"


user_role = Table(
    "user_role",
    Record.metadata,
    Column("user_id", ForeignKey("user.id", ondelete="CASCADE"), primary_key=True),
    Column("role_id", ForeignKey("role.id", ondelete="CASCADE"), primary_key=True),
)


class Role(Record, RoleMixin):
    """A role that users hold."""

    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    description: Mapped[str] = mapped_column(String(255), default="")


class User(Record, UserMixin):
    """A person who logs in."""

    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255), unique=True)
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    # Changed to end every session of the user at once.
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: new_id() + new_id())
    created: Mapped[datetime] = mapped_column(default=now)
    roles: Mapped[list[Role]] = relationship(secondary=user_role, lazy="selectin")


class ApiKey(Record):
    """A key of a program; only the hash of its secret is kept."""

    __tablename__ = "api_key"
    id: Mapped[int] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    scope: Mapped[Scope] = mapped_column(Choice(Scope))
    name: Mapped[str] = mapped_column(String(120))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    owner: Mapped[User] = relationship(lazy="joined")
