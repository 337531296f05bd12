"""The asking side of the nursery: one for each process, started when the first child is needed."""

import atexit
import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import JailFailure
from datasets.jail_frames import MAX_WORD_BYTES, Header, from_line, to_line

_ROOT = Path(__file__).resolve().parent.parent
_START_S = 60.0
_END_S = 10.0

# Isolated mode ignores the user's packages and every PYTHON variable, and puts no folder on the path, so that nothing
# but our own `datasets` can answer to that name.
_START = "import sys; sys.path.insert(0, sys.argv.pop()); from datasets.jail_nursery import main; main()"

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "LANG": "C.UTF-8",
    "HDF5_PLUGIN_PRELOAD": "::",  # HDF5's word for: load no filter from anywhere.
}


@dataclass(eq=False)
class Born:
    """A child that runs, or ran."""

    pid: int
    _line: socket.socket
    _code: int | None = None

    def code(self, seconds: float) -> int | None:
        """Its exit code, less than zero for a signal; None where it has not ended within so many seconds."""
        if self._code is None and (word := _word(self._line, seconds)) is not None:
            # Without a word the nursery itself was killed; what it leaves ends with its input or its seconds.
            self._code = int(str(word.get("code", -9)))
        return self._code

    def end(self, *, wait: bool = True) -> None:
        """Have it killed with all that it started, and wait until it is gone where that matters."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_WR)
        if wait:
            self.code(_END_S)
        self._line.close()


class Nursery:
    """A process that forks children, and a socket to ask it by. It ends, with its children, when this one does."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = threading.Lock()
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, code and arguments.
                    [sys.executable, "-I", "-c", _START, str(_ROOT)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env=_ENVIRONMENT,
                    start_new_session=True,
                )
        except OSError as error:
            self._control.close()
            raise JailFailure(f"the reading process does not start ({error}); look at this machine") from error

    def bear(self, request: Header, pipes: tuple[int, int, int]) -> Born:
        """A child with these handles for its input, output and errors.

        Args:
            request: "limits" of the process, its "home" for what is passing, and the "workdir" in which it starts.
            pipes: may be closed afterwards.

        Raises:
            JailFailure: none can be started.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with theirs, self._asking:
                socket.send_fds(self._control, [to_line(request)], [*pipes, theirs.fileno()])
            word = _word(ours, _START_S) or {}
        except OSError:
            word = {}
        if not word:
            self.close()  # What gives no answer cannot be asked again.
        if "pid" not in word:
            ours.close()
            why = word.get("error", "it gives no answer")
            raise JailFailure(f"the reading process does not start ({why}); look at this machine")
        return Born(int(str(word["pid"])), ours)

    @property
    def pid(self) -> int:
        """Of the process that forks."""
        return self._process.pid

    def lives(self) -> bool:
        """Whether it can still be asked."""
        return self._process.poll() is None

    def leave(self) -> None:
        """Let it go on for the process that started it."""
        self._control.close()

    def close(self) -> None:
        """End it and its children."""
        self._control.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_mine: Nursery | None = None
_choosing = threading.Lock()


def nursery() -> Nursery:
    """The one of this process; started now where there is none that lives.

    Raises:
        JailFailure: it cannot be started.
    """
    global _mine
    with _choosing:
        if _mine is not None and not _mine.lives():
            _mine.close()
            _mine = None
        if _mine is None:
            _mine = Nursery()
        return _mine


@atexit.register
def _end() -> None:
    if _mine is not None:
        _mine.close()


def _disown() -> None:
    """A fork of this process has to have its own: two that ask by one socket would read each other's answers."""
    global _mine, _choosing
    _choosing = threading.Lock()
    if _mine is not None:
        _mine.leave()
        _mine = None


os.register_at_fork(after_in_child=_disown)


def _word(line: socket.socket, seconds: float) -> Header | None:
    """The next word on a line; {} where its other end is gone, None where nothing came in time."""
    # A poll object and not select(), which refuses handles above 1023 as a busy server has them.
    poll = select.poll()
    poll.register(line, select.POLLIN)
    if not poll.poll(seconds * 1000):
        return None
    said = line.recv(MAX_WORD_BYTES)
    return from_line(said) if said else {}
