"""A process that has imported the readers and forks itself for each child of the jail.

An interpreter takes a hundred milliseconds and more to start and to import, a fork a few. What forks never reads a file
itself, so that no child sees anything of another one's. Started by `datasets.jail_births`, never by hand.
"""

import contextlib
import gc
import os
import selectors
import shutil
import signal
import socket
import traceback
from dataclasses import dataclass, field
from typing import NoReturn

from datasets import dicom  # noqa: F401 - imported here once, so that no child waits for it.
from datasets.jail_frames import MAX_REQUEST_BYTES, Header, from_line, to_line
from datasets.jailed import serve

_N_HANDLES = 4  # Input, output, errors and the line.


def main() -> None:
    """Fork a child for each request on standard input, until it ends; then every child is killed."""
    control = socket.socket(fileno=os.dup(0))
    gc.freeze()  # So that collecting in a child does not touch, and copy, what it shares.
    nursery = _Nursery(control)
    try:
        nursery.run()
    finally:
        nursery.kill_all()


@dataclass(eq=False)
class _Nursery:
    """Children by pid, each with the line on which its end is told, and its folder; the bell rings when one ends."""

    control: socket.socket
    bell: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)
    lines: dict[int, socket.socket] = field(default_factory=dict)
    homes: dict[int, str] = field(default_factory=dict)

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
                for key, _ in waiting.select():
                    if key.fileobj is ended:
                        self._bury(ended, waiting)
                    elif key.fileobj is not self.control:
                        waiting.unregister(key.fileobj)
                        _kill(key.data)
                    elif not self._bear(waiting):
                        return

    def kill_all(self) -> None:
        """Leave no child behind, nor its folder."""
        for pid in self.lines:
            _kill(pid)
        for home in self.homes.values():
            shutil.rmtree(home, ignore_errors=True)

    def _bear(self, waiting: selectors.BaseSelector) -> bool:
        """Fork the child that is asked for; false where nobody will ask any more."""
        asked, handles, _, _ = socket.recv_fds(self.control, MAX_REQUEST_BYTES, _N_HANDLES)
        if not asked:
            return False
        *pipes, line_handle = handles
        line = socket.socket(fileno=line_handle)
        try:
            pid = os.fork()
        except OSError as error:
            line.sendall(to_line({"error": str(error)}))
            line.close()
        else:
            request = from_line(asked)
            if pid == 0:
                _live(request, pipes)
            self.lines[pid], self.homes[pid] = line, str(request["home"])
            waiting.register(line, selectors.EVENT_READ, pid)
            _tell(line, {"pid": pid})
        for handle in pipes:
            os.close(handle)
        return True

    def _bury(self, ended: socket.socket, waiting: selectors.BaseSelector) -> None:
        """Tell how children ended, and kill what they started."""
        with contextlib.suppress(BlockingIOError):
            ended.recv(1 << 12)
        while self.lines and (found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
            pid = found.si_pid
            # Before it is waited for, while its number can be nobody else's.
            _kill(pid)
            _, status = os.waitpid(pid, 0)
            line, home = self.lines.pop(pid), self.homes.pop(pid)
            # Whoever asked would do it, unless killed.
            shutil.rmtree(home, ignore_errors=True)
            with contextlib.suppress(KeyError):
                waiting.unregister(line)
            _tell(line, {"code": os.waitstatus_to_exitcode(status)})
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


def _live(request: Header, pipes: list[int]) -> NoReturn:
    """The child's whole life, from the fork on."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for target, handle in enumerate(pipes):
            os.dup2(handle, target)
        os.closerange(len(pipes), os.sysconf("SC_OPEN_MAX"))
        os.environ.update(HOME=str(request["home"]), TMPDIR=str(request["home"]))
        os.chdir(str(request["workdir"]))
        limits = request["limits"]
        serve({str(name): int(bound) for name, bound in limits.items()} if isinstance(limits, dict) else {})
        code = 0
    # Nothing may come back from here to the loop of the process that forked.
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
