"""What every test of the application stands on: settings of its own and a migrated database."""

import pytest

from webapp.config import Settings
from webapp.records.session import Database
from webapp.records.upgrade import upgrade


@pytest.fixture
def settings(tmp_path):
    return Settings(data_root=tmp_path / "root", secret_key="a key of the tests", jobs_engine="inline")


@pytest.fixture
def database(settings):
    opened = Database(settings.database_url)
    upgrade(opened)
    yield opened
    opened.dispose()
