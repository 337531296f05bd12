"""A data set of tiny images whose classes differ in brightness, for the tests."""

import contextlib
from pathlib import Path

import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item

CLASSES = ("dark", "bright")


def small_dataset(root: Path, *, n_train: int = 24, n_val: int = 8, n_test: int = 12, channels: int = 1) -> Dataset:
    """Classes take turns; the dark one lies about level 60, the bright one about 190."""
    rng = np.random.default_rng(0)
    splits = ["train"] * n_train + ["val"] * n_val + ["test"] * n_test
    items = []
    with contextlib.closing(DatasetWriter(root)) as writer:
        for number, split in enumerate(splits):
            label = number % 2
            levels = rng.normal(60 + 130 * label, 25, (16, 16, channels)).clip(0, 255).astype(np.uint8)
            writer.append(levels, 8)
            digest = pixels_sha256(levels, 8)
            items.append(Item(f"{number}.png", label, split, number, digest, digest, levels.shape, 8))
        return writer.finish("brightness", CLASSES, tuple(items), {"kind": "test"}, {})
