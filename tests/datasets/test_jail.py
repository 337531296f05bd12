"""Reading what strangers sent in a child process under limits."""

import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from datasets.atomic import content_id
from datasets.decoding import Limits, decode
from datasets.errors import BadImage, JailFailure, LimitReached
from datasets.image import encode_png
from datasets.jail import JailLimits, decode_jailed, decode_many_jailed, run_jailed
from datasets.jail_births import nursery
from datasets.jail_process import Child
from tests.datasets.dicom_files import dicom_bytes
from tests.datasets.jailed_children import children, none_left

pytestmark = pytest.mark.usefixtures("empty_jail")

RNG = np.random.default_rng(3)
LEVELS = RNG.integers(0, 256, size=(9, 11, 3), dtype=np.uint8)
PNG = encode_png(LEVELS, 8)
LARGE = encode_png(np.zeros((6000, 6000, 3), np.uint8) + np.arange(3, dtype=np.uint8), 8)


def test_the_jail_gives_what_decoding_gives():
    for data in (PNG, dicom_bytes(LEVELS[..., 0].astype(np.uint16), BitsStored=12)):
        jailed, free = decode_jailed(data), decode(data)
        np.testing.assert_array_equal(jailed.levels, free.levels)
        assert (jailed.bits, jailed.file_type) == (free.bits, free.file_type)
    assert none_left()


def test_refusals_come_back_as_they_were_raised():
    with pytest.raises(BadImage, match=r"^scan.png: the PNG file is broken or truncated"):
        decode_jailed(PNG[:60], name="scan.png")
    with pytest.raises(BadImage, match=r"^scan.png: the file is empty"):
        decode_jailed(b"", name="scan.png")


def test_limits_of_the_image_reach_the_child():
    with pytest.raises(BadImage, match="99 pixels, at most 98 are accepted"):
        decode_jailed(PNG, limits=Limits(max_pixels=98))
    with pytest.raises(BadImage, match=r"a.png: the file has [\d,]+ bytes, at most 10 are accepted"):
        decode_jailed(PNG, name="a.png", limits=Limits(max_bytes=10))


def test_running_out_of_memory_is_a_refusal_of_the_file():
    with pytest.raises(BadImage, match=r"a.png: decoding ran out of memory.*; (scale|send)"):
        decode_jailed(LARGE, name="a.png", jail=JailLimits(memory_bytes=260 << 20))


def test_running_out_of_time_is_a_refusal_of_the_file():
    with pytest.raises(BadImage, match=r"a.png: decoding ran out of time \(more than 0.001 s\); send a smaller"):
        decode_jailed(LARGE, name="a.png", jail=JailLimits(wall_s=0.001))
    assert none_left()


def test_the_child_has_limits_an_empty_environment_and_a_session_of_its_own(monkeypatch):
    monkeypatch.setenv("SCANGATE_SECRET", "hush")
    limits = JailLimits(memory_bytes=1 << 30, cpu_s=7, file_bytes=1 << 20, open_files=32)
    with Child(limits) as child:
        child.ask({"do": "run", "target": "datasets.atomic:content_id", "args": {"value": 1}})
        child.receive()
        (pid,) = children()
        assert resource.prlimit(pid, resource.RLIMIT_AS)[0] == 1 << 30
        assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 1 << 20
        assert resource.prlimit(pid, resource.RLIMIT_NOFILE)[0] == 32
        assert 7 <= resource.prlimit(pid, resource.RLIMIT_CPU)[0] <= 10
        assert "hush" not in Path(f"/proc/{pid}/environ").read_text()
        assert os.getsid(pid) == pid
        home = Path(f"/proc/{pid}/cwd").readlink()
        assert home.stat().st_mode & 0o777 == 0o700
        handles = [int(handle.name) for handle in Path(f"/proc/{pid}/fd").iterdir()]
        assert sorted(handles) == [0, 1, 2, 3, 4]  # Its questions and answers besides; no line of a sibling.
    assert not home.exists()


@pytest.mark.parametrize(
    ("sent", "error", "message"),
    [
        (signal.SIGSEGV, JailFailure, r"the reader crashed \(SIGSEGV\)"),
        (signal.SIGKILL, LimitReached, "ran out of memory or time"),
        (signal.SIGXCPU, LimitReached, "ran out of time .more than 30 s of processor time"),
    ],
)
def test_a_killed_child_says_why(sent, error, message):
    with Child(JailLimits()) as child:
        os.kill(children()[0], sent)
        with pytest.raises(error, match=message):
            child.receive()


def test_many_files_come_back_in_order_with_refusals_among_them():
    items = [("a", PNG), ("b", b""), ("c", PNG), ("d", PNG[:50]), ("e", PNG)]
    outcomes = list(decode_many_jailed(iter(items)))
    assert [name for name, _ in outcomes] == list("abcde")
    assert [isinstance(outcome, BadImage) for _, outcome in outcomes] == [False, True, False, True, False]
    np.testing.assert_array_equal(outcomes[4][1].levels, LEVELS)


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (signal.SIGSEGV, r"^c: decoding failed: the reader crashed \(SIGSEGV\); export it again"),
        (signal.SIGSTOP, r"^c: decoding ran out of time \(more than 3 s\); send a smaller image"),
    ],
)
def test_a_file_that_crashes_or_holds_the_child_costs_only_itself(sent, message):
    def items():
        yield "a", PNG
        yield "b", PNG
        # At this point the child has answered for "b" and waits.
        os.kill(children()[0], sent)
        yield "c", PNG
        yield "d", PNG

    outcomes = dict(decode_many_jailed(items(), jail=JailLimits(wall_s=3)))
    assert list(outcomes) == list("abcd")
    with pytest.raises(BadImage, match=message):
        raise outcomes["c"]
    for name in "abd":
        np.testing.assert_array_equal(outcomes[name].levels, LEVELS)


def test_a_reader_that_stops_early_leaves_no_child():
    images = decode_many_jailed(iter([("a", PNG), ("b", PNG)]))
    next(images)
    assert children()
    images.close()
    assert none_left()


def test_no_files_need_no_child():
    assert list(decode_many_jailed([])) == []


def test_a_function_runs_in_the_jail():
    value = {"é": [1, 2.5, None]}
    assert run_jailed("datasets.atomic:content_id", {"value": value}) == content_id(value)


def test_the_child_works_where_it_is_told(tmp_path):
    (tmp_path / "inner").mkdir()
    with Child(JailLimits(), workdir=tmp_path / "inner") as child:
        child.ask({"do": "run", "target": "datasets.atomic:content_id", "args": {"value": 1}})
        child.receive()
        assert Path(f"/proc/{children()[0]}/cwd").readlink() == tmp_path / "inner"


def test_a_domain_error_comes_back_by_name():
    with pytest.raises(BadImage, match="1x1 pixels, at least 8x8 are needed"):
        run_jailed("datasets.raster:check_size", {"width": 1, "height": 1, "limits": None})


def test_another_error_comes_back_with_its_kind():
    with pytest.raises(JailFailure, match=r"TypeError: .*unexpected keyword argument 'x'"):
        run_jailed("datasets.atomic:content_id", {"x": 1})


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("os:system", "os.*not among the modules that a jail may run"),
        ("subprocess:run", "not among the modules"),
        ("datasets.jailed:import_module", "is not defined there"),
    ],
)
def test_only_allowed_functions_run(target, message):
    with pytest.raises(JailFailure, match=message):
        run_jailed(target, {"name": "os"})


def test_the_child_too_refuses_what_is_not_allowed():
    with Child(JailLimits()) as child:
        child.ask({"do": "run", "target": "os:getcwd", "args": {}})
        header, _ = child.receive()
        assert "not among the modules" in json.dumps(header)


def test_an_answer_over_the_limit_is_not_read():
    with pytest.raises(BadImage, match=r"an answer of .* bytes is more than is accepted"):
        decode_jailed(PNG, jail=JailLimits(answer_bytes=10))


@pytest.mark.parametrize("interpreter", ["/bin/false", "/nowhere/python"])
def test_a_child_that_cannot_start_is_not_blamed_on_the_file(monkeypatch, interpreter):
    nursery().close()
    monkeypatch.setattr(sys, "executable", interpreter)
    with pytest.raises(JailFailure, match="the reading process does not start") as caught:
        decode_jailed(PNG)
    assert not isinstance(caught.value, BadImage)


def test_one_file_takes_less_than_two_seconds_even_on_a_busy_machine():
    began = time.monotonic()
    decode_jailed(PNG)
    assert time.monotonic() - began < 2
