"""What the classifier says of scans, read one after the other."""

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from datasets.adversarial_store import AdversarialRows
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.detection.network import Scan, pixel_batches
from pipeline.models.adapter import PixelModel


def clean_scans(dataset: Dataset, items: np.ndarray) -> Iterator[Scan]:
    """The levels and bits of items of a data set, read one after the other."""
    for item in items:
        yield dataset.levels(int(item)), dataset.items[int(item)].bits


def perturbation(dataset: Dataset, rows: AdversarialRows, row: int) -> np.ndarray:
    """What the attack of a row added to its parent, (H, W, C) in levels, int64."""
    clean = dataset.levels(int(rows.parent[row])).astype(np.int64)
    return rows.levels(row).astype(np.int64) - clean


@torch.no_grad()
def features_and_logits(
    model: PixelModel, scans: Iterable[Scan], *, n: int, what: str, progress: Progress
) -> tuple[Tensor, Tensor]:
    """The classifier's penultimate features (N, D) and logits (N, K) of `n` scans."""
    features, logits = [], []
    n_done = 0
    for pixels in pixel_batches(scans, model.spec):
        progress(n_done, n, what)
        some_features, some_logits = model.features_and_logits(pixels)
        features.append(some_features)
        logits.append(some_logits)
        n_done += len(pixels)
    return torch.cat(features), torch.cat(logits)
