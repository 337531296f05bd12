"""Which images are poisoned, vouched for or looked at: drawn by what they show, not by where they stand."""

import hashlib
from collections.abc import Iterable

import numpy as np

from datasets.store import Dataset


def drawn(dataset: Dataset, indices: Iterable[int], n: int, *, seed: int, purpose: str) -> np.ndarray:
    """So many of the items, (n,) int64 in the order of the data set.

    An item's turn comes by a hash of seed, purpose, name and pixels. So the same images are drawn in any order of
    the data set, and a larger number keeps those of a smaller one: shares of 5 and 10 % can be compared. What is drawn
    for one purpose says nothing of what is drawn for another under the same seed: else whoever vouches for images would
    be shown the poisoned ones first.
    """
    rows = [int(index) for index in indices]
    by_turn = sorted(rows, key=lambda index: _turn(dataset, index, seed, purpose))
    return np.array(sorted(by_turn[:n]), dtype=np.int64)


def _turn(dataset: Dataset, index: int, seed: int, purpose: str) -> bytes:
    item = dataset.items[index]
    return hashlib.sha256(f"{purpose} {seed} {item.pixels_sha256} {item.name}".encode()).digest()
