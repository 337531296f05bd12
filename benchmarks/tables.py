"""Tables of the result pages, in Markdown, and shares with their intervals."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; every row has as many cells as the head."""
    yield from (f"| {' | '.join(head)} |", "|---" * len(head) + "|")
    yield from (f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)


def share(interval: Mapping[str, Any]) -> str:
    """A share with its interval, a dash where there is none."""
    if interval["value"] is None:
        return "-"
    return f"{interval['value']:.1%} ({interval['low']:.1%} to {interval['high']:.1%})"
