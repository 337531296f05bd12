"""Classifier and detector as one network: what is calibrated, evaluated and compiled is this, and nothing else."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from datasets.progress import Progress, ignore
from detector.fused import FusedDetector
from pipeline.models.adapter import PixelModel
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec

BATCH = 32
_FIRST_OVER_SECOND = torch.tensor([1.0, -1.0])

Scan = tuple[np.ndarray, int]
"""Levels (H, W, C) and their bits."""


class GateOutput(NamedTuple):
    """What is said of a batch."""

    probs: Tensor  # (N, K), the classifier's
    score: Tensor  # (N,), higher is more suspicious
    type_probs: Tensor  # (N, len(TYPES))


class GateNetwork(nn.Module):
    """Pixels after `fit_levels` to class probabilities, suspicion and type probabilities."""

    def __init__(self, model: PixelModel, detector: FusedDetector) -> None:
        super().__init__()
        self.model = model
        self.detector = detector
        self.eval()

    def forward(self, pixels: Tensor) -> GateOutput:
        """Judge `pixels` (N, channels, height, width) of the classifier's own size, in [0, 1]."""
        _, logits, score = self.looked_at(pixels)
        return GateOutput(logits.softmax(1), score, self.detector.naming(pixels).softmax(1))

    def looked_at(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The classifier's penultimate features (N, D) and logits (N, K), and the detector's score (N,)."""
        features, logits = self.model.features_and_logits(pixels)
        return features, logits, self.detector(pixels, features, logits)


@dataclass(frozen=True)
class Scores:
    """What a gate network said of many scans."""

    score: np.ndarray  # (N,)
    type_probs: np.ndarray  # (N, len(TYPES))
    preds: np.ndarray  # (N,), the classifier's classes
    margin: np.ndarray  # (N,), by how much the likeliest class is likelier than the next


def pixel_batches(scans: Iterable[Scan], spec: ClassifierSpec) -> Iterator[Tensor]:
    """The scans as the classifier is shown them, in order, at most `BATCH` at a time."""
    remaining = iter(scans)
    while some := list(islice(remaining, BATCH)):
        yield stacked([fit_levels(levels, bits, spec) for levels, bits in some])


def stacked(images: Sequence[np.ndarray]) -> Tensor:
    """Images (C, H, W) of one shape as a batch (N, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(images))).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def score_scans(
    network: GateNetwork, scans: Iterable[Scan], *, n: int, what: str, progress: Progress = ignore
) -> Scores:
    """Score `n` scans one batch after the other."""
    score, type_probs, preds, margin = [], [], [], []
    n_done = 0
    progress(0, n, what)
    for pixels in pixel_batches(scans, network.model.spec):
        out = network(pixels)
        score.append(out.score.numpy())
        type_probs.append(out.type_probs.numpy())
        preds.append(out.probs.argmax(1).numpy())
        margin.append((out.probs.topk(2, 1).values @ _FIRST_OVER_SECOND).numpy())
        n_done += len(pixels)
        progress(n_done, n, what)
    if not score:
        return Scores(
            np.empty(0, np.float32), np.empty((0, 0), np.float32), np.empty(0, np.int64), np.empty(0, np.float32)
        )
    return Scores(*(np.concatenate(each) for each in (score, type_probs, preds, margin)))
