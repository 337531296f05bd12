import os
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from webapp.errors import AlreadyServing
from webapp.holding import only_one
from webapp.jobs.process import how_it_ended
from webapp.jobs.service import Jobs
from webapp.records.jobs import JobState, Worker
from webapp.serve import Child

TREE = Path(__file__).resolve().parents[2]


def wait_until(condition, *, seconds=45.0):
    """What the condition gives, once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "The condition did not come true in time."
        time.sleep(0.05)
    return found


@pytest.fixture
def settings(settings):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return replace(
        settings,
        jobs_engine="huey",
        port=port,
        n_workers=1,
        dispatch_s=0.05,
        kind_modules=("tests.webapp.jobs.work_kinds",),
    )


@pytest.fixture
def serve(settings):
    """Start the supervisor; it and whatever it started are gone at the end."""
    started = []

    def start():
        environment = {**os.environ, **settings.as_environment(), "SCANGATE_SECRET_KEY": settings.secret_key}
        command = [sys.executable, "-m", "webapp.serve"]
        started.append(
            subprocess.Popen(
                command, env=environment, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield start
    for process in started:
        end(family(process.pid))
        process.communicate()


def family(pid):
    """The process and all below it."""
    below = Path(f"/proc/{pid}/task/{pid}/children")
    children = below.read_text().split() if below.exists() else []
    return [pid, *(found for child in children for found in family(int(child)))]


def alive(pid):
    """Whether the process runs; one that only waits to be collected does not."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def end(pids):
    """Kill what is left, so that a test that fails leaves nothing behind."""
    for pid in filter(alive, pids):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def answers(settings):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.port}/healthz", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def worker_pid(database, *, other_than=None):
    with database.reading() as session:
        newest = select(Worker.pid).order_by(Worker.seen.desc())
        return next((pid for pid in session.scalars(newest) if pid != other_than and alive(pid)), None)


@pytest.mark.slow
def test_serves_works_and_stops_as_one(serve, settings, database):
    supervisor = serve()
    told = supervisor.stdout.readline()
    assert told.startswith("There is no account yet.")
    assert told.endswith(f": {sys.executable} -m webapp.accounts create-user you@example.org --role admin\n")
    assert supervisor.stdout.readline() == (f"Scangate is at http://127.0.0.1:{settings.port} - stop it with Ctrl-C.\n")
    wait_until(lambda: answers(settings))
    jobs = Jobs(database, settings)
    first = wait_until(lambda: worker_pid(database))
    job = jobs.enqueue("count", {"n": 1, "steps": 20, "step_s": 0.05})
    wait_until(lambda: jobs.get(job.id).state is JobState.RUNNING)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: jobs.get(job.id).state.ended)
    assert jobs.get(job.id).state is JobState.DONE, "The lease of a minute was ended at once."
    assert any("killed: out of memory? (SIGKILL)" in line.text for line in jobs.progress(job.id).log)
    assert worker_pid(database, other_than=first)

    refused = serve()
    assert refused.wait(timeout=30) == 1
    assert refused.stderr.read().startswith(f"{settings.data_root} is served already, by process {supervisor.pid};")

    everyone = family(supervisor.pid)
    assert len(everyone) >= 5, "Supervisor, web master and worker, dispatcher, worker."
    supervisor.terminate()
    assert supervisor.wait(timeout=40) == 0
    assert not any(map(alive, everyone))


@pytest.mark.slow
def test_a_killed_supervisor_leaves_no_orphan(serve, settings, database):
    supervisor = serve()
    wait_until(lambda: worker_pid(database) and answers(settings))
    everyone = family(supervisor.pid)
    supervisor.kill()
    supervisor.wait()
    try:
        wait_until(lambda: not any(map(alive, everyone)), seconds=15)
    finally:
        end(everyone)
    with only_one(settings.data_root):
        pass


def test_a_taken_port_is_refused(serve, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.port))
        taken.listen()
        supervisor = serve()
        assert supervisor.wait(timeout=30) == 1
    assert f"127.0.0.1:{settings.port} cannot be used (Address already in use)" in supervisor.stderr.read()


def test_a_new_data_root_is_closed_to_other_accounts(tmp_path):
    with only_one(tmp_path / "new"):
        assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    (tmp_path / "opened").mkdir(mode=0o750)
    with only_one(tmp_path / "opened"):
        assert stat.S_IMODE((tmp_path / "opened").stat().st_mode) == 0o750


def test_the_data_root_is_held_by_one(tmp_path):
    with only_one(tmp_path), pytest.raises(AlreadyServing, match=f"is served already, by process {os.getpid()}"):
        only_one(tmp_path).__enter__()
    with only_one(tmp_path):
        pass


def test_who_ends_at_once_waits_longer_each_time():
    child = Child("worker", [sys.executable, "-c", ""], dict(os.environ))
    waits = []
    for _ in range(7):
        child.started = time.monotonic()
        child.note_end()
        waits.append(round(child.start_at - time.monotonic()))
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    child.started = time.monotonic() - 60
    child.note_end()
    assert child.start_at <= time.monotonic()


@pytest.mark.parametrize(
    ("status", "words"),
    [(-9, "killed: out of memory? (SIGKILL)"), (-15, "killed by SIGTERM"), (3, "ended with status 3")],
)
def test_an_exit_status_is_told_in_words(status, words):
    assert how_it_ended(status) == words
