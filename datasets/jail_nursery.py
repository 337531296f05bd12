"""A process that has imported the readers and forks itself for each child of the jail, one of them ahead of need.

An interpreter takes a hundred milliseconds and more to start and to import, a fork a few, and a spare that was forked
before none. What forks never reads a file itself, so that no child sees anything of another one's. Started by
`datasets.jail_births`, never by hand.
"""

import contextlib
import gc
import math
import os
import selectors
import shutil
import signal
import socket
import time
from dataclasses import dataclass, field

from datasets import dicom  # noqa: F401 - imported here once, so that no child waits for it.
from datasets.jail_frames import MAX_REQUEST_BYTES, Header, from_line, to_line
from datasets.jail_spare import Spare, spare

_N_HANDLES = 4  # Input, output, errors and the line.

# Between handing a spare over and forking the next: by then a scan is decoded, so that on one core the two do not
# compete. Measured beside none and beside 25 ms, which does not leave time for the next where scans come one by one.
_PAUSE_S = 0.005


def main() -> None:
    """Give a child to each request on standard input, until it ends; then every child is killed."""
    control = socket.socket(fileno=os.dup(0))
    gc.freeze()  # So that collecting in a child does not touch, and copy, what it shares.
    nursery = _Nursery(control)
    try:
        nursery.run()
    finally:
        # The bell goes with this process, and children end while it does.
        signal.set_wakeup_fd(-1)
        nursery.kill_all()


@dataclass(eq=False)
class _Nursery:
    """Children by pid, each with the line on which its end is told, and its folder; the bell rings when one ends."""

    control: socket.socket
    bell: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)
    lines: dict[int, socket.socket] = field(default_factory=dict)
    homes: dict[int, str] = field(default_factory=dict)
    spare: Spare | None = None
    due: float = math.inf  # When the next spare is to be forked.

    def run(self) -> None:
        """Serve until the other side of the control socket is gone."""
        ended, wakes = self.bell
        for end in self.bell:
            end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.control, selectors.EVENT_READ)
            waiting.register(ended, selectors.EVENT_READ)
            while True:
                self._refill()
                for key, _ in waiting.select(self._until_due()):
                    if key.fileobj is ended:
                        self._bury(ended, waiting)
                    elif key.fileobj is not self.control:
                        self._end(key.data, waiting)
                    elif not self._bear(waiting):
                        return

    def kill_all(self) -> None:
        """Leave no child behind, nor its folder."""
        for pid in self.lines:
            _kill(pid)
        if self.spare is not None:
            _kill(self.spare.pid)
        for home in self.homes.values():
            shutil.rmtree(home, ignore_errors=True)

    def _bear(self, waiting: selectors.BaseSelector) -> bool:
        """Give a child to who asks for one; false where nobody will ask any more."""
        asked, handles, _, _ = socket.recv_fds(self.control, MAX_REQUEST_BYTES, _N_HANDLES)
        if not asked:
            return False
        line = socket.socket(fileno=handles[-1])
        try:
            pid = self._hand_over(asked, handles)
        except OSError as error:
            _tell(line, {"error": str(error)})
            line.close()
        else:
            self.lines[pid], self.homes[pid] = line, str(from_line(asked)["home"])
            waiting.register(line, selectors.EVENT_READ, pid)
        for handle in handles[:-1]:
            os.close(handle)
        self.due = time.monotonic() + _PAUSE_S
        return True

    def _hand_over(self, asked: bytes, handles: list[int]) -> int:
        """The pid of who has the request now: the spare, or, where there is none that lives, a child forked for it."""
        waits, self.spare = self.spare, None
        if waits is not None and waits.take(asked, handles):
            return waits.pid
        fresh = spare(warm=False)
        fresh.take(asked, handles)  # One that is dead already is found and told of as any other.
        return fresh.pid

    def _until_due(self) -> float | None:
        return None if self.spare is not None or self.due == math.inf else max(0.0, self.due - time.monotonic())

    def _refill(self) -> None:
        """Fork the next spare when it is due."""
        if self.spare is None and time.monotonic() >= self.due:
            self.due = math.inf
            # Where it fails, the next request says why.
            with contextlib.suppress(OSError):
                self.spare = spare(warm=True)

    def _end(self, pid: int, waiting: selectors.BaseSelector) -> None:
        """Kill the child that its asker has done with, unless it is buried since that was seen."""
        if pid in self.lines:
            waiting.unregister(self.lines[pid])
            _kill(pid)

    def _bury(self, ended: socket.socket, waiting: selectors.BaseSelector) -> None:
        """Tell how children ended, and kill what they started."""
        with contextlib.suppress(BlockingIOError):
            ended.recv(1 << 12)
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                pid = found.si_pid
                # Before it is waited for, while its number can be nobody else's.
                _kill(pid)
                _, status = os.waitpid(pid, 0)
                if pid in self.lines:
                    self._close_books(pid, os.waitstatus_to_exitcode(status), waiting)
                elif self.spare is not None and pid == self.spare.pid:
                    self.spare.drop()
                    self.spare = None

    def _close_books(self, pid: int, code: int, waiting: selectors.BaseSelector) -> None:
        line, home = self.lines.pop(pid), self.homes.pop(pid)
        # Whoever asked may have been killed, or not have waited for the end.
        shutil.rmtree(home, ignore_errors=True)
        with contextlib.suppress(KeyError):
            waiting.unregister(line)
        _tell(line, {"code": code})
        line.close()


def _kill(pid: int) -> None:
    """The child and all that it started, whether or not it has a session of its own already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _tell(line: socket.socket, word: Header) -> None:
    # Whoever asked may be gone.
    with contextlib.suppress(OSError):
        line.sendall(to_line(word))
