"""A small data set and a small classifier with histories, to be tampered with."""

import contextlib

import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import checked, recorded, trust

CLASSES = tuple("0123456789")
SPLITS = ("train", "val", "test")
SMALL, SIDE = 20, 8
_SEEN = 16
"""The side that the classifier sees."""


def written(root: DataRoot, n: int, side: int) -> Dataset:
    """A data set of n random grey pictures; the same numbers give the same pictures, and go on with its history."""
    rng = np.random.default_rng(n)
    items = []
    with contextlib.closing(DatasetWriter(root.datasets)) as writer:
        for i in range(n):
            levels = rng.integers(0, 256, (side, side, 1), dtype=np.uint8)
            writer.append(levels, 8)
            name, hashed = f"{i % 10}/{i}.png", pixels_sha256(levels, 8)
            items.append(Item(name, i % 10, SPLITS[i % 3], i, hashed, hashed, levels.shape, 8))
        made = writer.finish(f"{n} random", CLASSES, tuple(items), {"kind": "random"}, {})
    recorded(made.folder, root, EventKind.IMPORT, by="benchmark", facts={"seed": n})
    return made


def generated(root: DataRoot, n: int, side: int) -> Dataset:
    """The same with a history of two events."""
    made = written(root, n, side)
    trust(made.folder, root, by="benchmark", why="generated")
    return made


def classifier(root: DataRoot, dataset: Dataset) -> Classifier:
    """A classifier of random weights that says that it was trained on the data set; a history of one event."""
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=_SEEN, width=_SEEN)
    made = save_classifier(build_model(spec, seed=0), root.models, name="benchmark", parents=[dataset.id])
    recorded(made.folder, root, EventKind.TRAINING, by="benchmark", parents=[checked(dataset.folder)])
    return made
