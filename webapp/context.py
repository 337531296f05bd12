"""What every view needs of the application it runs in: settings, database and data root."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from flask import current_app
from flask_security import current_user

from webapp.config import Settings
from webapp.jobs.service import Jobs
from webapp.records.accounts import RoleName, User
from webapp.records.session import Database

_NAME = "scangate"


@dataclass(frozen=True)
class Context:
    """The parts of one running application."""

    settings: Settings
    database: Database
    jobs: Jobs
    gates: dict[str, object] = field(default_factory=dict)  # The open gate of this process, by its id.

    def path(self, relative: str) -> Path:
        """Where something of the data root lies."""
        return self.settings.data_root / relative


def context() -> Context:
    """The context of the application that answers this request."""
    return cast(Context, current_app.extensions[_NAME])


def put_context(extensions: dict[str, object], found: Context) -> None:
    """Give an application its context."""
    extensions[_NAME] = found


def database() -> Database:
    """The records' database."""
    return context().database


def jobs() -> Jobs:
    """The jobs of this application."""
    return context().jobs


def user_id() -> int:
    """The id of the user who is logged in."""
    return cast(User, current_user).id


def user_email() -> str:
    """The name under which histories tell what the user who is logged in did."""
    return cast(User, current_user).email


def is_admin() -> bool:
    """Whether the user who is logged in is an administrator."""
    return bool(current_user.has_role(RoleName.ADMIN))
