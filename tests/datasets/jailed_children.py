"""Who lives in the jail."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from datasets.jail_births import nursery

_SOON_S = 20.0


def children() -> list[int]:
    """Our jailed children that serve somebody, all forked by the nursery of this process."""
    return [pid for pid in _forked() if _input(pid).startswith("pipe:")]


def spare() -> int:
    """The child that waits for the next request and is warm, waited for."""
    assert soon(lambda: bool(_waiting()))
    (pid,) = _waiting()
    return pid


def none_left() -> bool:
    """Whether no child serves anybody, at the latest in some seconds: who has an answer does not wait for the end."""
    return soon(lambda: not children())


def gone(pid: int) -> bool:
    """Whether a process ends in some seconds."""
    return soon(lambda: not Path(f"/proc/{pid}").exists())


def soon(happens: Callable[[], bool]) -> bool:
    """Whether something happens in some seconds."""
    ended = time.monotonic() + _SOON_S
    while not happens():
        if time.monotonic() > ended:
            return False
        time.sleep(0.02)
    return True


def _waiting() -> list[int]:
    return [pid for pid in _forked() if _input(pid).startswith("socket:") and _sleeps(pid)]


def _forked() -> list[int]:
    pid = nursery().pid
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _input(pid: int) -> str:
    """What a process reads; nothing for one that has ended."""
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/fd/0").readlink())
    return ""


def _sleeps(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
    return False
