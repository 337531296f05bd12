"""The command line on a data root that may be written to."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli.main import main
from tests.fixtures.gate import TinyChain


@pytest.fixture
def root(tiny_chain: TinyChain, tmp_path: Path) -> Path:
    """The tiny chain's data root, to be written to."""
    return Path(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))


@pytest.fixture
def answer(capsys: pytest.CaptureFixture[str]):
    """Runs a command with --json; gives exit status and parsed output."""

    def run(*arguments: object) -> tuple[int, dict]:
        capsys.readouterr()
        status = main([*map(str, arguments), "--json", "--quiet"])
        return status, json.loads(capsys.readouterr().out)

    return run
