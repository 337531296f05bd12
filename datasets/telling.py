"""Refusals that name the file which they are about."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def telling(name: str) -> Iterator[None]:
    """Put the name of a file before every refusal of ours that does not begin with it."""
    try:
        yield
    except ValueError as error:
        if not type(error).__module__.endswith(".errors") or str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from error
