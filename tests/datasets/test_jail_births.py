"""Children of the jail: forked by one process, each by itself, none left behind."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from datasets.atomic import content_id
from datasets.errors import JailFailure
from datasets.image import encode_png
from datasets.jail import decode_jailed
from datasets.jail_births import nursery
from datasets.jail_process import Child, JailLimits
from tests.datasets.jailed_children import children, none_left

pytestmark = pytest.mark.usefixtures("empty_jail")

RNG = np.random.default_rng(3)
PNG = encode_png(RNG.integers(0, 256, size=(9, 11, 3), dtype=np.uint8), 8)


def test_children_live_beside_each_other():
    with Child(JailLimits()) as one, Child(JailLimits()) as other:
        assert len(children()) == 2
        for child in (one, other, one):
            child.ask({"do": "run", "target": "datasets.atomic:content_id", "args": {"value": 1}})
            assert child.receive()[0] == {"result": content_id(1)}
    assert none_left()


def test_threads_that_decode_again_and_again_get_their_own_images():
    images = [RNG.integers(0, 256, size=(9, 11, 1), dtype=np.uint8) for _ in range(160)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda levels: decode_jailed(encode_png(levels, 8)).levels, images))
    for levels, decoded in zip(images, found, strict=True):
        np.testing.assert_array_equal(levels, decoded)
    assert none_left()


def test_a_nursery_that_was_killed_is_replaced():
    os.kill(nursery().pid, signal.SIGKILL)
    assert decode_jailed(PNG).bits == 8


def test_a_child_whose_nursery_is_killed_is_told_of():
    with Child(JailLimits()) as child:
        os.kill(nursery().pid, signal.SIGKILL)
        child.ask({"do": "run", "target": "datasets.atomic:content_id", "args": {"value": 1}})
        child.receive()  # It goes on to the end of its question.
    assert decode_jailed(PNG).bits == 8


def test_no_process_is_left_when_this_one_is_killed():
    lines = (
        "import time",
        "from datasets.jail_births import nursery",
        "from datasets.jail_process import Child, JailLimits",
        "child = Child(JailLimits()).__enter__()",
        "print(nursery().pid, child._born.pid, child._scratch, flush=True)",
        "time.sleep(60)",
    )
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as owner:
        *pids, home = owner.stdout.readline().split()
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
        assert Path(home).is_dir()
        owner.kill()
        assert owner.stderr.read() == ""  # Its end is that of the nursery, which holds it as well.
    assert not Path(home).exists()
    ended = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < ended
        time.sleep(0.02)


def test_a_fork_of_this_process_has_a_nursery_of_its_own():
    mine = nursery().pid
    pid = os.fork()
    if pid == 0:
        own = nursery().pid != mine and decode_jailed(PNG).bits == 8
        nursery().close()
        os._exit(0 if own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert nursery().pid == mine
    assert decode_jailed(PNG).bits == 8


def test_a_child_that_cannot_live_says_so(tmp_path):
    with pytest.raises(JailFailure, match=r"the reading process does not start \(.*No such file or directory"):
        Child(JailLimits(), workdir=tmp_path / "nowhere").__enter__()
    assert none_left()


def test_how_a_child_ended_is_kept(tmp_path):
    inputs, outputs, words = os.pipe(), os.pipe(), os.open(os.devnull, os.O_RDWR)
    request = {"limits": {"memory_bytes": 1 << 30, "file_bytes": 1 << 20, "open_files": 32, "cpu_s": 5}}
    child = nursery().bear({**request, "home": str(tmp_path), "workdir": str(tmp_path)}, (inputs[0], outputs[1], words))
    os.kill(child.pid, signal.SIGKILL)
    assert child.code(10) == -signal.SIGKILL
    child.end()
    assert child.code(0) == -signal.SIGKILL
    for handle in (*inputs, *outputs, words):
        os.close(handle)
