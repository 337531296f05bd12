"""The parent's side of the jail: one confined child process that answers questions.

The limits keep a hostile or broken file from taking the machine's memory, processor, disk or handles, and a crash of a
C library from taking the web process with it. They are no sandbox: the child runs as the same user.
"""

import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from datasets.errors import JailFailure, LimitReached
from datasets.jail_births import nursery
from datasets.jail_frames import MAX_HEADER_BYTES, PREFIX, Header, pack

_DEATH_S = 5.0
_PIPE_BYTES = 1 << 20
_WORDS_SHOWN = 300


@dataclass(frozen=True, kw_only=True)
class JailLimits:
    """What one question may use up; whoever imports torch in the child needs about 8 GiB of addresses."""

    memory_bytes: int = 4 << 30
    cpu_s: int = 30
    wall_s: float = 60.0
    file_bytes: int = 1 << 30
    open_files: int = 64
    answer_bytes: int = 512 << 20


class Child:
    """A confined process; ask, then receive, in turn. Killed with all that it started when the block ends."""

    def __init__(self, limits: JailLimits, *, workdir: Path | None = None) -> None:
        self._limits = limits
        self._lent = workdir is not None
        self._owes = False
        try:
            self._start(workdir)
        except JailFailure:
            # A nursery, or a spare, that was killed meanwhile gives way to another; nothing was sent yet.
            self._start(workdir)

    def __enter__(self) -> Self:
        """The child, which is confined already."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Kill the child and remove its folder."""
        self.close()

    def ask(self, question: Header, payload: bytes = b"") -> None:
        """Send a question; the answer must be received before the next one.

        Raises:
            JailFailure: the child died, or does not listen.
        """
        self._owes = True
        deadline = time.monotonic() + self._limits.wall_s
        for part in (pack(question, len(payload)), payload):
            rest = memoryview(part)
            while rest:
                self._wait(deadline, writing=True)
                try:
                    rest = rest[os.write(self._in, rest) :]
                except BlockingIOError:
                    continue
                except BrokenPipeError:
                    raise self._death() from None

    def receive(self) -> tuple[Header, bytearray]:
        """The answer to the question asked last, waited for from now on.

        Raises:
            LimitReached: the child ran out of time or memory.
            JailFailure: the child crashed, or answered nonsense.
        """
        answer = self._receive(self._limits.wall_s)
        self._owes = False
        return answer

    def close(self) -> None:
        """Have the child killed, and remove its folder.

        A kernel takes longer to take a process down than to decode a scan, so who has the whole answer does not wait
        for that: the child can change nothing any more that anybody reads. Who lent it a folder waits, because files
        there are used or removed next, and so does who has no answer, because the child may be at anything.
        """
        self._born.end(wait=self._lent or self._owes)
        self._clear()

    def _start(self, workdir: Path | None) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="scangate-jail-"))
        self._words = (self._scratch / "stderr").open("w+b")
        theirs_in, self._in = os.pipe()
        self._out, theirs_out = os.pipe()
        try:
            pipes = (theirs_in, theirs_out, self._words.fileno())
            self._born = nursery().bear(self._request(workdir or self._scratch), pipes)
        except JailFailure:
            self._clear()
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        for end in (self._in, self._out):
            os.set_blocking(end, False)
            # A larger pipe saves switches between the two processes; where it is refused, the usual size does.
            with contextlib.suppress(OSError, AttributeError):
                fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def _request(self, workdir: Path) -> Header:
        limits = {key: value for key, value in asdict(self._limits).items() if isinstance(value, int)}
        # The nursery works in another folder: a relative path would lead elsewhere there.
        return {"limits": limits, "home": str(self._scratch), "workdir": str(workdir.absolute())}

    def _clear(self) -> None:
        os.close(self._in)
        os.close(self._out)
        self._words.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def _receive(self, seconds: float) -> tuple[Header, bytearray]:
        deadline = time.monotonic() + seconds
        header_bytes, payload_bytes = PREFIX.unpack(self._read(PREFIX.size, deadline))
        if header_bytes > MAX_HEADER_BYTES or payload_bytes > self._limits.answer_bytes:
            raise LimitReached(f"an answer of {header_bytes + payload_bytes:,} bytes is more than is accepted")
        try:
            header = json.loads(self._read(header_bytes, deadline))
        except ValueError as error:
            raise JailFailure("the reading process answered nonsense") from error
        if not isinstance(header, dict):
            raise JailFailure("the reading process answered nonsense")
        return header, self._read(payload_bytes, deadline)

    def _read(self, n_bytes: int, deadline: float) -> bytearray:
        content = bytearray(n_bytes)
        rest = memoryview(content)
        while rest:
            self._wait(deadline, writing=False)
            try:
                n_read = os.readv(self._out, [rest])
            except BlockingIOError:
                continue
            if not n_read:
                raise self._death()
            rest = rest[n_read:]
        return content

    def _wait(self, deadline: float, *, writing: bool) -> None:
        # A poll object and not select(), which refuses handles above 1023 as a busy server has them.
        poll = select.poll()
        poll.register(self._in if writing else self._out, select.POLLOUT if writing else select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise LimitReached(f"ran out of time (more than {self._limits.wall_s:g} s)")

    def _death(self) -> JailFailure:
        """Why the child is gone."""
        code = self._born.code(_DEATH_S)
        if code is None:
            return JailFailure("the reading process closed its side of the pipe")
        if code == -signal.SIGXCPU:
            return LimitReached(f"ran out of time (more than {self._limits.cpu_s} s of processor time)")
        if code == -signal.SIGKILL:
            return LimitReached("ran out of memory or time (killed by the system)")
        if code < 0:
            return JailFailure(f"the reader crashed ({signal.Signals(-code).name})")
        return JailFailure(f"the reading process ended with status {code}: {self._last_words()}")

    def _last_words(self) -> str:
        self._words.seek(0)
        lines = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:_WORDS_SHOWN] if lines else "without a word"
