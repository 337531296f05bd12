"""What a classifier says of one stored image."""

import numpy as np
import torch

from pipeline.models.adapter import PixelModel
from pipeline.models.resize import fit_levels


def predict(model: PixelModel, levels: np.ndarray, bits: int) -> int:
    """The class that the model believes in most, from levels (H, W, C) as the file holds them."""
    pixels = torch.from_numpy(fit_levels(levels, bits, model.spec))[None].to(model.mean.device)
    with model.frozen(), torch.no_grad():
        return int(model(pixels).argmax())
