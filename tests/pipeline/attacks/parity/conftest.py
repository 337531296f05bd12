"""One trained classifier for the whole suite, and a record of what was measured."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.pipeline.attacks.parity.classifier import Bench, trained_bench
from tests.pipeline.attacks.parity.peers import process_as_before

_ROWS = pytest.StashKey[list["Row"]]()


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure of the parity table."""

    row: int
    what: str
    required: str
    measured: str
    n: int  # images, or draws in row 13
    met: bool
    note: str  # why a figure that does not meet what is required is the right one; "" where it does


class Record:
    """Writes figures down as they are measured; also those that fail."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __call__(self, row: int, what: str, *, required: str, measured: str, n: int, met: bool, note: str = "") -> None:
        """Keep one figure, then fail the test where it does not meet what is required.

        With a `note` it does not fail: the test then says itself what holds instead.
        """
        self._rows.append(
            Row(row=row, what=what, required=required, measured=measured, n=n, met=bool(met), note="" if met else note)
        )
        assert met or note, f"row {row}, {what}: {measured}; required: {required}"


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    return Record(request.config.stash.setdefault(_ROWS, []))


@pytest.fixture(scope="session")
def bench() -> Bench:
    """Read from it; a test that changes a model makes its own copy."""
    return trained_bench()


@pytest.fixture(autouse=True)
def unchanged_process() -> Iterator[None]:
    with process_as_before():
        yield


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the figures where `--parity-report FILE` says."""
    path = session.config.getoption("--parity-report")
    if path:
        rows = sorted(session.config.stash.get(_ROWS, []), key=lambda row: (row.row, row.what))
        Path(path).write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
