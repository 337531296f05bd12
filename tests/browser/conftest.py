"""A served application, with web, dispatcher and workers as real processes, and a real browser."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from webapp.accounts import create_user
from webapp.config import Settings
from webapp.records.session import Database
from webapp.records.upgrade import upgrade

TREE = Path(__file__).resolve().parents[2]
PASSWORD = "a long enough password"
ADMIN, CLINICIAN = "admin@scangate.example", "clinician@scangate.example"
_START_S = 60


@dataclass(frozen=True)
class Served:
    """Where the application answers, and where its data lie."""

    url: str
    settings: Settings


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The application on a free port, with an administrator and a clinician."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = Settings(data_root=tmp_path_factory.mktemp("served"), port=port, n_workers=1, dispatch_s=0.1)
    database = Database(settings.database_url)
    upgrade(database)
    create_user(database, email=ADMIN, password=PASSWORD, role="admin")
    create_user(database, email=CLINICIAN, password=PASSWORD, role="clinician")
    log = (settings.data_root / "serve.log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "webapp.serve"],
        cwd=TREE,
        env={**os.environ, **settings.as_environment()},
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(f"{url}/healthz", process, settings.data_root / "serve.log")
        yield Served(url, settings)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-sync",
                "--no-first-run",
            ],
        )
        yield browser
        browser.close()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"the application ended at its start: {log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback.
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the application does not answer: {log.read_text()}")
