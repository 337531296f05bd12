"""The scans that a gate is attacked with, and what was found of them so far, kept on disk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import content_id, read_json, write_json
from datasets.store import Dataset

# Figures of another version of the attacks are not taken up.
_VERSION = 2


@dataclass(frozen=True)
class Group:
    """Scans of one shape and depth."""

    items: list[int]
    levels: np.ndarray  # (n, H, W, C)
    bits: int
    y: np.ndarray
    hashes: list[str]


@dataclass(frozen=True)
class Scans:
    """Items of a data set."""

    dataset: Dataset
    items: tuple[int, ...]

    def groups(self, items: Sequence[int]) -> Iterator[Group]:
        """Some of the items, by shape and depth."""

        def kind(i: int) -> tuple[int, ...]:
            return (*self.dataset.items[i].shape, self.dataset.items[i].bits)

        for _, same in groupby(sorted(items, key=kind), key=kind):
            found = list(same)
            yield Group(
                items=found,
                levels=np.stack(self.dataset.batch(found)),
                bits=self.dataset.items[found[0]].bits,
                y=np.array([self.dataset.items[i].label for i in found]),
                hashes=[self.dataset.items[i].pixels_sha256 for i in found],
            )


def spread_evenly(items: np.ndarray, n: int) -> tuple[int, ...]:
    """At most n of the items, evenly over all of them."""
    n = min(n, len(items))
    return tuple(int(items[k * len(items) // n]) for k in range(n))


@dataclass(frozen=True)
class Notes:
    """What was measured before, one small file a measurement, so that a run that was stopped goes on."""

    folder: Path
    of: tuple[str, ...]  # Ids of everything that all measurements hang on.

    def once(self, what: str, inputs: object, make: Callable[[], Any]) -> Any:
        """What was measured of these inputs before, or measured now."""
        key = content_id([_VERSION, what, *self.of, inputs])
        note = self.folder / f"{what}-{key}.json"
        if not note.exists():
            write_json(note, make())
        return read_json(note)
