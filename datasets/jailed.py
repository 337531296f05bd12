"""The child's side of the jail: takes limits upon itself, then answers questions until its input ends.

Forked by `datasets.jail_spare`, never started by hand.
"""

import os
import resource
from collections.abc import Callable
from importlib import import_module

from datasets.errors import JailFailure, LimitReached
from datasets.jail_frames import Header, read_frame, write_frame

TARGET_PREFIXES = ("datasets.", "pipeline.models.importers.", "pipeline.adversarial.")
"""Where the functions live that a jail may be asked to run."""

ERROR_MODULES = ("datasets.errors", "pipeline.errors")
"""Whose errors travel back to the parent as themselves."""

Answer = tuple[Header, bytes | memoryview]


def serve(cpu_s: int) -> None:
    """Answer the questions on standard input, one frame each, in so many seconds of processor time each."""
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # A library that prints would break the frames; from here on its words go to the error file.
    os.dup2(2, 1)
    while (question := read_frame(questions)) is not None:
        _allow_more_seconds(cpu_s)
        write_frame(answers, *answer(*question))


def confine(limits: dict[str, int]) -> None:
    """Take all limits upon this process but that of processor time, which `serve` renews for each question."""
    for what, bound in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, limits["open_files"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(what)
        allowed = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(what, (allowed, allowed))


def _allow_more_seconds(seconds: int) -> None:
    """Give each question its own seconds of processor time; the kernel counts them for the whole life."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    bound = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))


def answer(question: Header, payload: bytes) -> Answer:
    """The frame that answers a question: what was asked for, or why there is nothing."""
    try:
        if question["do"] == "decode":
            return _decode(question, payload)
        return {"result": _run(question)}, b""
    except MemoryError:
        return _refusal(LimitReached("ran out of memory")), b""
    # The top of a worker: whatever went wrong is told to the parent, which decides.
    except Exception as error:
        if type(error).__module__ in ERROR_MODULES:
            return _refusal(error), b""
        return _refusal(JailFailure(f"{type(error).__name__}: {error}")), b""


def _decode(question: Header, payload: bytes) -> Answer:
    from datasets.decoding import decode
    from datasets.limits import Limits

    image = decode(payload, name=str(question["name"]), limits=Limits(**_numbers(question["limits"])))
    header: Header = {"shape": image.levels.shape, "bits": image.bits, "file_type": image.file_type}
    return header, memoryview(image.levels.tobytes())


def _run(question: Header) -> object:
    module, _, name = str(question["target"]).partition(":")
    if not module.startswith(TARGET_PREFIXES):
        raise JailFailure(f"{module}: not among the modules that a jail may run ({', '.join(TARGET_PREFIXES)})")
    function: Callable[..., object] = getattr(import_module(module), name)
    if function.__module__ != module:
        raise JailFailure(f"{module}:{name} is not defined there; name the module of the function itself")
    args = question["args"]
    if not isinstance(args, dict):
        raise JailFailure(f"arguments of type {type(args).__name__}, expected an object")
    return function(**args)


def _numbers(value: object) -> dict[str, int]:
    return {str(key): int(number) for key, number in value.items()} if isinstance(value, dict) else {}


def _refusal(error: Exception) -> Header:
    return {"error": {"module": type(error).__module__, "name": type(error).__name__, "message": str(error)[:4000]}}
