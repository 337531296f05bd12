"""Bring the database to the schema of this release."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from webapp.records.session import Database
from webapp.records.tables import METADATA

_MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def upgrade(database: Database) -> None:
    """Run the migrations that are missing; processes that start together wait for each other."""
    with database.engine.execution_options(sqlite_begin="IMMEDIATE").begin() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(database: Database) -> bool:
    """Whether every migration has been run."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def drift(database: Database) -> list[str]:
    """What differs between the database and the records as declared; empty when the migrations are complete."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [str(change) for change in compare_metadata(context, METADATA)]


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
