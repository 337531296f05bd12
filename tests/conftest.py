"""What every test may ask for."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Tiny tensors: a second thread only waits for the first, and much longer where other processes share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

if TYPE_CHECKING:
    from tests.fixtures.gate import TinyChain


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the figures of the parity suite go."""
    parser.addoption("--parity-report", metavar="FILE", help="write what tests/pipeline/attacks/parity measured")


@pytest.fixture(scope="session")
def tiny_chain(tmp_path_factory: pytest.TempPathFactory) -> "TinyChain":
    """A tiny real chain up to a released gate; read from it, write to a copy."""
    # Imported on demand: tests that need no gate should not wait for torch.
    from tests.fixtures.gate import build_tiny_chain

    return build_tiny_chain(tmp_path_factory.mktemp("tiny-chain"))


@pytest.fixture(scope="session")
def backdoored_chain(tmp_path_factory: pytest.TempPathFactory) -> "TinyChain":
    """A chain up to a gate with STRIP whose classifier has a backdoor; read from it, write to a copy."""
    from tests.fixtures.backdoored import build_backdoored_chain

    return build_backdoored_chain(tmp_path_factory.mktemp("backdoored-chain"))


@pytest.fixture(autouse=True)
def _shared_chains_are_only_read(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that writes to a shared chain fails itself, and not the one that happens to run after it."""
    shared = [name for name in ("tiny_chain", "backdoored_chain") if name in request.fixturenames]
    roots = [request.getfixturevalue(name).root.path for name in shared]
    before = [_files(root) for root in roots]
    yield
    assert [_files(root) for root in roots] == before


def _files(root: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of each file."""
    found = ((path, path.stat()) for path in root.rglob("*") if path.is_file())
    return {path: (told.st_size, told.st_mtime_ns) for path, told in found}
