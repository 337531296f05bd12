"""The child that is forked ahead of need: used once, confined as any other, and never left behind."""

import os
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from selectors import DefaultSelector
from socket import socketpair

import numpy as np
import pytest

from datasets.errors import BadImage
from datasets.image import encode_png
from datasets.jail import decode_jailed
from datasets.jail_births import nursery
from datasets.jail_nursery import _Nursery
from datasets.jail_process import Child, JailLimits
from tests.datasets.jailed_children import children, gone, none_left, spare

pytestmark = pytest.mark.usefixtures("empty_jail")

RNG = np.random.default_rng(5)
PNG = encode_png(RNG.integers(0, 256, size=(9, 11, 3), dtype=np.uint8), 8)
LARGE = encode_png(np.zeros((6000, 6000, 3), np.uint8) + np.arange(3, dtype=np.uint8), 8)
QUESTION = {"do": "run", "target": "datasets.atomic:content_id", "args": {"value": 1}}


@pytest.fixture(autouse=True)
def _one_waits():
    decode_jailed(PNG)
    spare()


@contextmanager
def _stopped(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_the_child_that_serves_was_there_before_it_was_asked_for():
    waiting = spare()
    with Child(JailLimits()):
        assert children() == [waiting]


def test_no_child_serves_two_blocks():
    served = []
    for _ in range(6):
        with Child(JailLimits()):
            served += children()
        assert none_left()
        assert spare() not in served
    assert len(set(served)) == 6


def test_children_asked_for_faster_than_spares_are_forked_are_forked_at_once():
    waiting = spare()
    with Child(JailLimits()), Child(JailLimits()), Child(JailLimits()):
        served = children()
        assert len(served) == 3
        assert waiting in served


@pytest.mark.parametrize("buried", [True, False])
def test_a_spare_that_was_killed_costs_no_upload_and_is_replaced(buried):
    killed, forks = spare(), nursery().pid
    os.kill(killed, signal.SIGKILL)
    if buried:
        assert gone(killed)
    assert decode_jailed(PNG).bits == 8
    assert spare() != killed
    assert nursery().pid == forks


def test_a_spare_does_not_outlive_its_nursery():
    waiting = spare()
    os.kill(nursery().pid, signal.SIGKILL)
    assert gone(waiting)
    assert decode_jailed(PNG).bits == 8


def test_even_a_spare_that_hangs_ends_when_its_nursery_is_ended():
    waiting = spare()
    os.kill(waiting, signal.SIGSTOP)
    nursery().close()
    assert gone(waiting)


def test_a_spare_holds_its_own_socket_and_nothing_else():
    with Child(JailLimits()) as child:
        child.ask(QUESTION)
        child.receive()
        handles = {handle.name: str(handle.readlink()) for handle in Path(f"/proc/{spare()}/fd").iterdir()}
    assert sorted(handles) == ["0", "1", "2"]
    assert handles["0"].startswith("socket:")
    assert handles["1"] == handles["2"] == os.devnull


def test_a_spare_is_as_confined_as_any_child_before_it_reads():
    limits = JailLimits(memory_bytes=1 << 30, cpu_s=7, file_bytes=1 << 20, open_files=32)
    waiting = spare()
    with Child(limits) as child:
        assert children() == [waiting]
        assert resource.prlimit(waiting, resource.RLIMIT_AS) == (1 << 30, 1 << 30)
        assert resource.prlimit(waiting, resource.RLIMIT_FSIZE) == (1 << 20, 1 << 20)
        assert resource.prlimit(waiting, resource.RLIMIT_NOFILE) == (32, 32)
        assert resource.prlimit(waiting, resource.RLIMIT_CORE) == (0, 0)
        assert os.getsid(waiting) == waiting
        child.ask(QUESTION)
        child.receive()
        assert 8 <= resource.prlimit(waiting, resource.RLIMIT_CPU)[0] <= 9


def test_a_spare_runs_out_of_memory_where_a_fresh_fork_does():
    with pytest.raises(BadImage, match=r"a.png: decoding ran out of memory"):
        decode_jailed(LARGE, name="a.png", jail=JailLimits(memory_bytes=260 << 20))


def test_who_has_the_answer_does_not_wait_for_the_end():
    child = Child(JailLimits())
    child.ask(QUESTION)
    child.receive()
    (pid,) = children()
    home = Path(f"/proc/{pid}/cwd").readlink()
    with _stopped(nursery().pid):
        began = time.monotonic()
        child.close()
        assert time.monotonic() - began < 5
        assert Path(f"/proc/{pid}").exists()
    assert gone(pid)
    assert not home.exists()


@pytest.mark.parametrize("lent", [True, False])
def test_who_lent_a_folder_or_has_no_answer_waits_for_the_end(tmp_path, lent):
    with ThreadPoolExecutor(1) as pool:
        child = Child(JailLimits(), workdir=tmp_path if lent else None)
        (pid,) = children()
        child.ask(QUESTION)
        if lent:
            child.receive()
        with _stopped(nursery().pid):
            closing = pool.submit(child.close)
            time.sleep(0.3)
            assert not closing.done()
        closing.result()
        assert not Path(f"/proc/{pid}").exists()


def test_a_number_that_is_no_child_any_more_is_not_killed():
    ours, theirs = socketpair()
    with ours, theirs, DefaultSelector() as waiting, subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        _Nursery(theirs, bell=(ours, theirs))._end(stranger.pid, waiting)
        time.sleep(0.1)
        assert stranger.poll() is None
        stranger.kill()
