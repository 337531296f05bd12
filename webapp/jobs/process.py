"""What a process of ours needs to know about itself and about its parent."""

import ctypes
import os
import secrets
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1
# Made once a process: a process that got the number of a dead one is told apart.
_BOOT = secrets.token_hex(4)


def host_prefix(pid: int) -> str:
    """How the id of every worker with this process number on this machine begins."""
    return f"{socket.gethostname()[:80]}:{pid}:"


def worker_id() -> str:
    """The id of this process as a holder of leases."""
    return host_prefix(os.getpid()) + _BOOT


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent ends, however it ends; on Linux only.

    Called between fork and exec, or first thing in a child.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have ended before the kernel was asked.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def how_it_ended(returncode: int) -> str:
    """An exit status in words, such as `killed: out of memory? (SIGKILL)`."""
    if returncode == -signal.SIGKILL:
        return "killed: out of memory? (SIGKILL)"
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}"
    return f"ended with status {returncode}"
