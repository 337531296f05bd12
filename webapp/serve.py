"""Everything together: `python -m webapp.serve` starts web, dispatcher and workers, and stops them together."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from webapp.accounts import list_users
from webapp.config import Settings, base_environment
from webapp.errors import AlreadyServing, WebappError
from webapp.holding import held
from webapp.jobs.dispatching import expire_leases
from webapp.jobs.process import die_with_parent, host_prefix, how_it_ended
from webapp.jobs.worker import PATIENCE_S
from webapp.records.session import Database

logger = logging.getLogger(__name__)

_TREE = Path(__file__).resolve().parents[1]
_MAX_BACKOFF_S = 30.0
_HEALTHY_S = 30.0  # Who ran that long starts again without waiting.
_POLL_S = 0.1


@dataclass
class Child:
    """A process that is kept running."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the process; it dies with this one."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own commands, no shell.
            self.command,
            env=self.environment,
            cwd=_TREE,
            stdin=subprocess.DEVNULL,
            # One signal from the terminal must not reach the children beside the supervisor's own.
            start_new_session=True,
            # Safe: this process has one thread.
            preexec_fn=die_with_parent,
        )

    def note_end(self) -> None:
        """Decide when the process that has ended starts again: 1, 2, 4 ... 30 s later."""
        lived = time.monotonic() - self.started
        self.failures = 0 if lived >= _HEALTHY_S else self.failures + 1
        self.start_at = time.monotonic() + (min(2.0 ** (self.failures - 1), _MAX_BACKOFF_S) if self.failures else 0.0)
        self.process = None


class Supervisor:
    """Keeps the web, a dispatcher and the workers of one data root running."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings, self._database = settings, database
        self._ending = False
        self._children = [
            Child("web", _web_command(settings), _environment(settings)),
            Child("dispatcher", _module("webapp.jobs.dispatcher"), _environment(settings)),
            *(
                Child(f"worker {n + 1}", _module("webapp.jobs.worker"), _worker_environment(settings))
                for n in range(settings.n_workers)
            ),
        ]

    def run(self) -> None:
        """Start everything, start again what ends, until a signal says to stop."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        told = False
        try:
            while not self._ending:
                for child in self._children:
                    self._care_for(child)
                told = told or self._tell_when_up()
                time.sleep(_POLL_S)
        finally:
            self._stop_all()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _care_for(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_at:
                child.start()
            return
        returncode = child.process.poll()
        if returncode is None:
            return
        how = how_it_ended(returncode)
        logger.warning("The %s (process %d) was %s; it is started again.", child.name, child.process.pid, how)
        # What it held goes on at once instead of when the lease runs out.
        expire_leases(self._database, owner_prefix=host_prefix(child.process.pid), reason=how)
        child.note_end()

    def _tell_when_up(self) -> bool:
        if not _answers(self._settings):
            return False
        say(f"Scangate is at http://{_shown_host(self._settings)}:{self._settings.port} - stop it with Ctrl-C.")
        return True

    def _stop_all(self) -> None:
        say("Stopping.")
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + PATIENCE_S + 5.0
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            expire_leases(self._database, owner_prefix=host_prefix(process.pid), reason="stopped")


def check_address(settings: Settings) -> None:
    """Make sure that the address can be served on.

    Raises:
        AlreadyServing: it is in use, or not one of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as e:
            raise AlreadyServing(
                f"{settings.host}:{settings.port} cannot be used ({e.strerror}); "
                "set SCANGATE_PORT or SCANGATE_HOST to a free address (make serve PORT=8001)."
            ) from e


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 and a sentence when that cannot be."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_environment()
        with held(settings) as database:
            check_address(settings)
            settings.with_secret_key()
            if not list_users(database):
                say(_how_to_log_in(settings))
            Supervisor(settings, database).run()
    except WebappError as e:
        sys.stderr.write(f"{e}\n")
        return 1
    return 0


def say(text: str) -> None:
    """Tell whoever started us, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _how_to_log_in(settings: Settings) -> str:
    # Its address may hold a password, so that another database than the usual one is not shown.
    usual = settings.database_url == Settings().database_url
    same = "" if usual else ", with the SCANGATE_ variables of this process"
    command = f"{sys.executable} -m webapp.accounts create-user you@example.org --role admin"
    return f"There is no account yet. To log in, make one in another terminal{same}: {command}"


def _shown_host(settings: Settings) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - shown, not bound.


def _answers(settings: Settings) -> bool:
    try:
        with socket.create_connection((_shown_host(settings).strip("[]"), settings.port), timeout=0.2):
            return True
    except OSError:
        return False


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _web_command(settings: Settings) -> list[str]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    temporary = ["--worker-tmp-dir", "/dev/shm"] if Path("/dev/shm").is_dir() else []  # noqa: S108 - gunicorn's heartbeat.
    return [
        *_module("gunicorn"),
        "wsgi:app",
        *("--bind", f"{host}:{settings.port}", "--workers", str(settings.web_processes)),
        *("--worker-class", "gthread", "--threads", str(settings.web_threads)),
        # An upload of gigabytes over a slow line; the thread worker's own heartbeat goes on meanwhile.
        *("--timeout", "120", "--graceful-timeout", "15", "--keep-alive", "5"),
        *("--max-requests", "5000", "--max-requests-jitter", "500"),
        *("--no-control-socket", "--log-level", "warning"),
        *temporary,
    ]


def _environment(settings: Settings) -> dict[str, str]:
    secret = {"SCANGATE_SECRET_KEY": settings.secret_key} if settings.secret_key else {}
    return {**base_environment(), **settings.as_environment(), **secret, "PYTHONUNBUFFERED": "1"}


def _worker_environment(settings: Settings) -> dict[str, str]:
    threads = settings.worker_threads or max(1, (os.cpu_count() or 1) // max(1, settings.n_workers))
    # Threads that wait asleep: see pipeline.threads.
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
    return {**_environment(settings), **counts}


if __name__ == "__main__":
    raise SystemExit(main())
