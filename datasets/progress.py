"""How long work tells how far it is, and how it is told to stop."""

from collections.abc import Callable

Progress = Callable[[int, int, str], None]
"""Called as (done, total, what is being done), between batches; it may raise to cancel the work."""


def ignore(done: int, total: int, message: str) -> None:
    """Take a report of progress and do nothing with it."""
