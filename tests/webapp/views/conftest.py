"""One application for all tests of pages and API, and pictures that it refuses."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.gate import TinyChain
from tests.webapp.views.lab import Lab, build_lab
from tests.webapp.views.site import Site, build_site


@pytest.fixture(scope="session")
def site(tiny_chain: TinyChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The application on the tiny chain."""
    made = build_site(tiny_chain, tmp_path_factory.mktemp("site") / "root")
    yield made
    made.database.dispose()


@pytest.fixture(scope="module")
def lab(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A small application of the module's own, with poisoned data."""
    made = build_lab(migrated, tmp_path_factory.mktemp("lab") / "root")
    yield made
    made.database.dispose()


@pytest.fixture
def admin(site):
    return site.client("admin")


@pytest.fixture
def clinician(site):
    return site.client("clinician")


@pytest.fixture
def api(site):
    return site.app.test_client()


@pytest.fixture
def key(site):
    return {"X-API-Key": site.keys["screen"]}


@pytest.fixture
def admin_key(site):
    return {"Authorization": f"Bearer {site.keys['admin']}"}
