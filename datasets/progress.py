"""How long work tells how far it is, and how it is told to stop."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called as (done, total, what is being done), between batches; it may raise to cancel the work."""


def ignore(done: int, total: int, message: str) -> None:
    """Take a report of progress and do nothing with it."""


def called(progress: Progress, what: str) -> Progress:
    """The same progress, with what a part of the work is called before its words."""

    def told(done: int, total: int, message: str) -> None:
        progress(done, total, f"{what}: {message}")

    return told
