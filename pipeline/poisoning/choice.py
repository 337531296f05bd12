"""Which images are poisoned: drawn by what they show, not by where they stand."""

import hashlib
from collections.abc import Iterable

import numpy as np

from datasets.store import Dataset


def drawn(dataset: Dataset, indices: Iterable[int], n: int, *, seed: int) -> np.ndarray:
    """So many of the items, (n,) int64 in the order of the data set.

    An item's turn comes by a hash of the seed, its name and its pixels. So the same images are drawn in any order of
    the data set, and a larger number keeps those of a smaller one: shares of 5 and 10 % can be compared.
    """
    rows = [int(index) for index in indices]
    by_turn = sorted(rows, key=lambda index: _turn(dataset, index, seed))
    return np.array(sorted(by_turn[:n]), dtype=np.int64)


def _turn(dataset: Dataset, index: int, seed: int) -> bytes:
    item = dataset.items[index]
    return hashlib.sha256(f"{seed} {item.pixels_sha256} {item.name}".encode()).digest()
