"""A child that is forked ahead of need and waits for the one request that it will serve.

A fresh fork spends longer on copying the pages that it touches than a scan takes to decode, so a spare reads a picture
of our own making first. It has taken nothing from a stranger, and ends when the process that forked it does.
"""

import io
import os
import signal
import socket
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from datasets.image import encode_png
from datasets.jail_frames import MAX_REQUEST_BYTES, Header, from_line, pack, read_frame, to_line, write_frame
from datasets.jailed import answer, confine, serve
from datasets.limits import Limits

_N_STANDARD = 3  # Input, output and errors.
_N_HANDLES = _N_STANDARD + 1  # And the line.
_REASON_SHOWN = 300

# As large as a scan, so that the memory which the decoder asks for is there already when a scan comes.
_PICTURE = encode_png(np.arange(256 * 256, dtype=np.uint16).astype(np.uint8).reshape(256, 256, 1), 8)


@dataclass(eq=False)
class Spare:
    """A child that waits, by its pid and the socket on which it gets its request."""

    pid: int
    _asking: socket.socket

    def take(self, request: bytes, handles: Sequence[int]) -> bool:
        """Give it its one request, its three pipes and its line; false where it is dead."""
        with self._asking:
            try:
                socket.send_fds(self._asking, [request], handles)
            except OSError:
                return False
        return True

    def drop(self) -> None:
        """Ask nothing of it; one that lives ends by itself."""
        self._asking.close()


def spare(*, warm: bool) -> Spare:
    """Fork one.

    Args:
        warm: whether it reads a picture before it listens; not where somebody waits for it.

    Raises:
        OSError: no process can be forked.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        pid = os.fork()
    except OSError:
        ours.close()
        raise
    else:
        if pid == 0:
            _live(theirs.detach(), warm)
        return Spare(pid, ours)
    finally:
        theirs.close()


def _live(asking: int, warm: bool) -> NoReturn:
    """The child's whole life, from the fork on."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _hold_only(asking)
        if warm:
            _warm()
        asked, handles, _, _ = socket.recv_fds(socket.socket(fileno=0), MAX_REQUEST_BYTES, _N_HANDLES)
        if asked:
            _serve(from_line(asked), handles)
        code = 0
    # Nothing may come back from here to the loop of the process that forked.
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def _hold_only(asking: int) -> None:
    """Keep no handle of the nursery's nor of a sibling's, whose ends would not be seen while another held them."""
    os.dup2(asking, 0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.closerange(_N_STANDARD, os.sysconf("SC_OPEN_MAX"))


def _warm() -> None:
    """Do all that a request will do, from frame to frame."""
    question = pack({"do": "decode", "name": "", "limits": Limits().to_json()}, len(_PICTURE))
    asked = read_frame(io.BytesIO(question + _PICTURE))
    if asked is not None:
        write_frame(io.BytesIO(), *answer(*asked))


def _serve(request: Header, handles: list[int]) -> None:
    *pipes, line = handles
    for target, handle in enumerate(pipes):
        os.dup2(handle, target)
    limits = request["limits"]
    bounds = {str(name): int(bound) for name, bound in limits.items()} if isinstance(limits, dict) else {}
    try:
        os.environ.update(HOME=str(request["home"]), TMPDIR=str(request["home"]))
        os.chdir(str(request["workdir"]))
        confine(bounds)
    except (OSError, ValueError, LookupError) as error:
        os.write(line, to_line({"error": str(error)[:_REASON_SHOWN]}))
        raise
    # The limits hold; only now may the upload come.
    os.write(line, to_line({"pid": os.getpid()}))
    os.closerange(_N_STANDARD, os.sysconf("SC_OPEN_MAX"))
    serve(bounds["cpu_s"])
