"""Items of a data set as a classifier sees them, with a trigger on if one is given."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datasets.store import Dataset
from pipeline.models.adapter import PixelModel
from pipeline.models.resize import fit_levels
from pipeline.poisoning.triggers import Trigger


def shown(model: PixelModel, dataset: Dataset, rows: Sequence[int], *, trigger: Trigger | None = None) -> Tensor:
    """The pixels (n, C, height, width) of these items, float32 in [0, 1], on the classifier's device.

    Raises:
        BadPoison: the trigger lies off an image.
    """

    def one(index: int) -> np.ndarray:
        levels, bits = dataset.levels(index), dataset.items[index].bits
        return fit_levels(levels if trigger is None else trigger.stamped(levels, bits), bits, model.spec)

    return torch.from_numpy(np.stack([one(index) for index in rows])).to(model.mean.device)
