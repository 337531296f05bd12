"""The images of a split as the classifier will see them, prepared once and kept on disk."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datasets.atomic import replacing
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec

# 16 bits hold every stored depth and take half the room of float32.
_LEVELS = 65_535
_REPORT_EVERY = 32


@dataclass(frozen=True)
class Samples:
    """Pixels (N, C, h, w) as 16-bit fractions of one, mapped from a file, and classes (N,) int64."""

    fractions: np.ndarray
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def batch(self, rows: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """Pixels in [0, 1] and classes of these rows."""
        pixels = self.fractions[rows.numpy()].astype(np.float32) / _LEVELS
        return torch.from_numpy(pixels).to(device), self.y[rows].to(device)


def prepare(dataset: Dataset, split: str, spec: ClassifierSpec, file: Path, progress: Progress = ignore) -> Samples:
    """The samples of a split, read from `file` where an earlier run has left them there."""
    indices = dataset.indices(split)
    shape = (len(indices), spec.channels, spec.height, spec.width)
    y = torch.from_numpy(dataset.labels[indices].astype(np.int64))
    if len(indices) == 0:
        return Samples(np.empty(shape, dtype=np.uint16), y)
    if not file.exists():
        with replacing(file) as beside:
            mapped = np.lib.format.open_memmap(beside, mode="w+", dtype=np.uint16, shape=shape)
            for row, index in enumerate(indices):
                pixels = fit_levels(dataset.levels(index), dataset.items[index].bits, spec)
                mapped[row] = np.rint(pixels * _LEVELS).astype(np.uint16)
                if row % _REPORT_EVERY == 0:
                    progress(row, len(indices), f"preparing {split} images")
            mapped.flush()
    return Samples(np.load(file, mmap_mode="r"), y)
