"""A classifier seen through JPEG, so that an attack meets what the file will have lost.

Rounding has no slope, so the gradient passes through the codec as if it were the identity: the backward pass
differentiable approximation of Athalye et al. 2018, arXiv:1802.00420, section 4.1.1. JPEG is nearly the identity, which
is what the approximation asks for.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.attacks.written import FileForm
from pipeline.models.adapter import PixelModel

_BITS = 8
_TOP = (1 << _BITS) - 1


class ThroughJpeg(PixelModel):
    """The same classifier, of pixels that were written as JPEG and read again; every attack runs on it unchanged.

    It shares the network, so `frozen` holds for both. Each image is written alone: its neighbours in the batch make no
    difference.
    """

    def __init__(self, model: PixelModel, form: FileForm) -> None:
        """Look at a model through JPEG.

        Args:
            model: the classifier, whose network is shared and stays as it is.
            form: the file that will be written, with its quality.
        """
        super().__init__(model.spec, model.network, head_name=model.head_name)
        self.mean, self.std = model.mean, model.std  # On the model's device.
        self.form = form

    def pixels(self, x: Tensor) -> Tensor:
        """The pixels as the classifier sees them in the JPEG file, before normalisation."""
        seen: Tensor = _StraightThrough.apply(x, self.form)  # type: ignore[no-untyped-call]  # torch leaves it untyped
        return super().pixels(seen)


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, form: FileForm) -> Tensor:
        levels = (x.detach().cpu().double() * _TOP).round().clamp(0, _TOP).to(torch.uint8)
        read = form.as_read(levels.permute(0, 2, 3, 1).contiguous().numpy(), _BITS)
        pixels = torch.from_numpy(read.astype(np.float32) / np.float32(_TOP)).permute(0, 3, 1, 2)
        return pixels.to(x.device, x.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return slopes[0], None
