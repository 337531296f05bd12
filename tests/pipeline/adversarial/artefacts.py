"""A small data set and a classifier that has nearly all of it right."""

from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from datasets.duplicates import pixels_sha256
from datasets.image import to_unit
from datasets.splits import SPLITS
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, save_classifier
from pipeline.models.registry import build_model
from pipeline.models.spec import ClassifierSpec

CLASSES = ("left", "right")


def small_model(seed: int = 0) -> PixelModel:
    spec = ClassifierSpec(
        architecture="SequentialCNN", channels=1, height=16, width=16, classes=CLASSES, mean=(0.4,), std=(0.1,)
    )
    return build_model(spec, seed=seed).eval()


def small_classifier(root: Path, seed: int = 0) -> Classifier:
    return save_classifier(small_model(seed), root, name="small")


def small_dataset(root: Path, *, n: int = 40, classes: tuple[str, ...] = CLASSES, framed: bool = False) -> Dataset:
    """Random images of two shapes, labelled by the small model itself but every seventh; framed by black if asked."""
    model, rng = small_model(), np.random.default_rng(0)
    items = []
    with closing(DatasetWriter(root)) as writer:
        for i in range(n):
            shape = (16, 16, 1) if i % 3 else (18, 14, 1)
            levels = rng.integers(60, 140, shape).astype(np.uint8)
            if framed:
                levels[:4] = levels[-4:] = levels[:, :4] = levels[:, -4:] = 0
            with torch.no_grad():
                pred = int(model(torch.from_numpy(to_unit(levels, 8)).permute(2, 0, 1)[None]).argmax())
            writer.append(levels, 8)
            items.append(
                Item(
                    name=f"{i}.png",
                    label=1 - pred if i % 7 == 0 else pred,
                    split=SPLITS[i % 5],
                    group=i,
                    sha256=f"{i:064x}",
                    pixels_sha256=pixels_sha256(levels, 8),
                    shape=shape,
                    bits=8,
                )
            )
        return writer.finish("small", classes, tuple(items), {"kind": "folder"}, {})
