"""A data set of a few tiny pictures and a classifier without torch, each with a history, for the tests."""

import contextlib
import json
from pathlib import Path

import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.artefacts import DataRoot
from pipeline.provenance.event import EventKind, Parent
from pipeline.provenance.record import recorded

CLASSES = ("glioma", "none")


def pictures(n: int, *, seed: int = 0, side: int = 8) -> np.ndarray:
    """Random levels (n, side, side, 1) uint8."""
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 1), dtype=np.uint8)


def items_of(images: np.ndarray) -> list[Item]:
    """An item for each picture, of the classes in turn."""
    return [
        Item(f"{CLASSES[i % 2]}/{i}.png", i % 2, "train", i, f"{i:064x}", pixels_sha256(one, 8), one.shape, 8)
        for i, one in enumerate(images)
    ]


def written(root: DataRoot, images: np.ndarray, items: list[Item], *, name: str = "small") -> Dataset:
    """A data set of these pictures, without a history."""
    with contextlib.closing(DatasetWriter(root.datasets)) as writer:
        for one in images:
            writer.append(one, 8)
        return writer.finish(name, CLASSES, tuple(items), {"kind": "test", "name": name}, {"findings": []})


def imported(root: DataRoot, *, n: int = 6, side: int = 8) -> Dataset:
    """A data set whose history begins with its import."""
    images = pictures(n, side=side)
    dataset = written(root, images, items_of(images))
    recorded(dataset.folder, root, EventKind.IMPORT, by="ann", facts={"seed": 0})
    return dataset


def trained(root: DataRoot, *parents: Parent) -> Path:
    """A folder like that of a classifier, whose history begins with its training."""
    folder = root.models / "c1a551f1e7000000"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(bytes(range(256)))
    (folder / "classifier.json").write_text(json.dumps({"id": folder.name, "parents": []}))
    recorded(folder, root, EventKind.TRAINING, by="ann", facts={"seed": 1}, parents=parents)
    return folder
