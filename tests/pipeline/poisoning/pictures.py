"""A data set of small pictures that a small network tells apart in seconds, for the tests."""

from contextlib import closing
from pathlib import Path

import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item

CLASSES = ("left", "middle", "right")


def pictures(
    root: Path,
    *,
    n_train: int = 90,
    n_val: int = 0,
    n_test: int = 60,
    side: int = 16,
    test_side: int | None = None,
    seed: int = 0,
    bits: int = 8,
) -> Dataset:
    """A bright bar at the left, in the middle or at the right, in noise; the classes take turns."""
    learned_side = side
    rng = np.random.default_rng(seed)
    splits = ["train"] * n_train + ["val"] * n_val + ["test"] * n_test
    items = []
    with closing(DatasetWriter(root)) as writer:
        for number, split in enumerate(splits):
            label, side = number % 3, test_side if test_side and split == "test" else learned_side
            pixels = rng.normal(0.2, 0.06, (side, side, 1))
            start = 2 + label * (side - 4) // 3
            pixels[3 : side - 3, start : start + 3] += 0.5
            levels = np.rint(pixels.clip(0, 1) * ((1 << bits) - 1)).astype(np.uint8 if bits == 8 else np.uint16)
            writer.append(levels, bits)
            name, digest = f"{CLASSES[label]}/{number}.png", pixels_sha256(levels, bits)
            items.append(Item(name, label, split, number, digest, digest, levels.shape, bits))
        return writer.finish("bars", CLASSES, tuple(items), {"kind": "folder"}, {})
