"""The installation: what development takes, and in which order."""

import re
import sys
from pathlib import Path

import pytest

import install

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in an empty place whose interpreter writes its arguments down, as the real one needs a network."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").touch()
    python = tmp_path / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\n[ ! -e {tmp_path}/refuse ] || exit 3\n')
    python.chmod(0o755)
    monkeypatch.setattr(install, "VENV", tmp_path)


def ran(tmp_path: Path) -> list[str]:
    return (tmp_path / "log").read_text().splitlines()


@pytest.mark.usefixtures("pip")
def test_development_adds_the_peers_without_what_they_ask_for(tmp_path: Path) -> None:
    assert install.main("requirements-dev.txt") == 0
    first, second = ran(tmp_path)
    assert "-r requirements-dev.txt" in first
    assert "--no-deps" not in first
    assert "-r requirements-peers.txt" in second
    assert "--no-deps" in second
    assert (tmp_path / "installed-dev").exists()


@pytest.mark.usefixtures("pip")
def test_running_needs_no_peers(tmp_path: Path) -> None:
    assert install.main("requirements.txt") == 0
    assert len(ran(tmp_path)) == 1
    assert not (tmp_path / "installed-dev").exists()


@pytest.mark.usefixtures("pip")
def test_a_failure_of_pip_is_passed_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "refuse").touch()
    assert install.main("requirements-dev.txt") == 3
    assert "The installation failed" in capsys.readouterr().out
    assert len(ran(tmp_path)) == 1
    assert not (tmp_path / "installed").exists()


def test_peers_are_pinned_as_the_constraints_have_them() -> None:
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M))
    peers = dict(re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "requirements-peers.txt").read_text(), re.M))
    assert {"foolbox", "torchattacks", "adversarial-robustness-toolbox", "adv-lib", "cleverhans"} <= set(peers)
    assert all(pins.get(name, version) == version for name, version in peers.items())


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-peers.txt"])
def test_every_requirement_is_pinned_and_names_no_host(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"-r requirements\.txt|[\w.-]+==[\w.]+", line) for line in lines), lines
    assert sys.version_info >= install.NEEDED


def test_make_installs_again_when_the_peers_change() -> None:
    rule = re.search(r"^\.venv/installed-dev:(.*)$", (ROOT / "Makefile").read_text(), re.M)
    assert rule
    assert "requirements-peers.txt" in rule[1].split()
