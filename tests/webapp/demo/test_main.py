"""What the demo says before and instead of its work; the work itself is `make demo SERVE=0`."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from datasets.errors import BadDataset
from detector.errors import DetectorError
from pipeline.errors import BadGate
from webapp.config import Settings
from webapp.demo import __main__ as demo
from webapp.errors import WebappError


@pytest.fixture(autouse=True)
def data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(demo, "DATA_ROOT", tmp_path / "demo")
    return tmp_path / "demo"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def _refuse(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> list[Settings]:
    """Let the work end with an error; gives the settings that it was begun with."""
    begun: list[Settings] = []

    def refused(_database: object, settings: Settings) -> None:
        begun.append(settings)
        raise error

    monkeypatch.setattr(demo, "make_everything", refused)
    return begun


def test_a_taken_port_is_told_before_the_work(
    monkeypatch: pytest.MonkeyPatch, taken_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = _refuse(monkeypatch, WebappError("The work was begun."))
    assert demo.main(["--port", str(taken_port)]) == 1
    assert capsys.readouterr().err.startswith(f"127.0.0.1:{taken_port} cannot be used (Address already in use);")
    assert begun == []


def test_without_serving_a_taken_port_does_not_matter(monkeypatch: pytest.MonkeyPatch, taken_port: int) -> None:
    begun = _refuse(monkeypatch, WebappError("The work was begun."))
    assert demo.main(["--port", str(taken_port), "--no-serve"]) == 1
    assert len(begun) == 1


@pytest.mark.parametrize("kind", [WebappError, BadDataset, BadGate, DetectorError])
def test_a_refusal_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[ValueError]
) -> None:
    _refuse(monkeypatch, kind("It cannot be."))
    assert demo.main(["--no-serve"]) == 1
    assert capsys.readouterr().err == "It cannot be.\n"


def test_ctrl_c_says_that_it_can_go_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _refuse(monkeypatch, KeyboardInterrupt())
    assert demo.main(["--no-serve"]) == 130
    assert capsys.readouterr().err == "\nStopped. What is made is kept: run make demo again to go on.\n"


def test_a_bad_port_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--port", "0"]) == 1
    assert "SCANGATE_PORT is 0; set it within [1, 65535]" in capsys.readouterr().err


def test_its_database_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data_root: Path) -> None:
    monkeypatch.setenv("SCANGATE_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    begun = _refuse(monkeypatch, WebappError("Enough."))
    assert demo.main(["--no-serve"]) == 1
    assert begun[0].database_url == f"sqlite:///{data_root / 'scangate.db'}"
    assert not (tmp_path / "other.db").exists()
