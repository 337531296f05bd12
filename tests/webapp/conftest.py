"""What every test of the application stands on: settings of its own and a migrated database."""

import shutil

import pytest

from webapp.config import Settings
from webapp.records.session import Database
from webapp.records.upgrade import upgrade


@pytest.fixture
def settings(tmp_path):
    return Settings(data_root=tmp_path / "root", secret_key="a key of the tests", jobs_engine="inline")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory):
    """A migrated database to copy: running the migrations for every test would cost more than the tests."""
    path = tmp_path_factory.mktemp("migrated") / "scangate.db"
    opened = Database(f"sqlite:///{path}")
    upgrade(opened)
    opened.dispose()
    return path


@pytest.fixture
def database(settings, migrated):
    settings.data_root.mkdir(parents=True, exist_ok=True)
    shutil.copy(migrated, settings.data_root / "scangate.db")
    opened = Database(settings.database_url)
    yield opened
    opened.dispose()
