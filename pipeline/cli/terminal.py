"""Progress with an ETA on standard error, for people; standard output stays free for answers."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from datasets.progress import Progress, ignore

# Where nobody watches, one line in this many seconds is enough to see that it lives.
QUIET_INTERVAL_S = 10.0


@contextmanager
def shown_progress(title: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress function: bars on a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        yield ignore
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield _BarOf(bars, title)
    else:
        yield _LineOf(title)


def _bars() -> Bars:
    return Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _BarOf:
    """One bar a phase: a new message whose total differs begins a new bar."""

    def __init__(self, bars: Bars, title: str) -> None:
        self.bars = bars
        self.title = title
        self.task: Task | None = None

    def __call__(self, done: int, total: int, message: str) -> None:
        if self.task is None or self.task.total != total or done < self.task.completed:
            task_id = self.bars.add_task(self.title, total=total)
            self.task = next(task for task in self.bars.tasks if task.id == task_id)
        self.bars.update(self.task.id, completed=done, description=f"{self.title}: {message}"[:60].ljust(60))


class _LineOf:
    """A line at most every `QUIET_INTERVAL_S`, with the time that is left at the pace so far."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.total = -1
        self.began = self.told = time.monotonic()

    def __call__(self, done: int, total: int, message: str) -> None:
        now = time.monotonic()
        if total != self.total:
            self.total, self.began, self.told = total, now, now - QUIET_INTERVAL_S
        if now - self.told < QUIET_INTERVAL_S and done < total:
            return
        self.told = now
        left = f", ETA {(now - self.began) * (total - done) / done:.0f} s" if 0 < done < total else ""
        sys.stderr.write(f"{self.title}: {done}/{total} {message}{left}\n")
        sys.stderr.flush()
