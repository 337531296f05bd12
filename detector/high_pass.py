"""A fixed bank of high-pass filters: what is left of an image when its content is predicted away."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TRUNCATION = 8.0
"""Residuals are cut at this many grey levels. Chosen as the largest perturbation that a sign attack of
8/255 leaves: edges of anatomy reach far higher and would drown it, weaker attacks lie inside."""

N_FILTERS = 8

_LEVELS = 255.0
_SIDE = 5


def _kernel(rows: list[list[float]], divisor: float) -> Tensor:
    kernel = torch.tensor(rows) / divisor
    margin_h, margin_w = _SIDE - kernel.shape[0], _SIDE - kernel.shape[1]
    left, top = margin_w // 2, margin_h // 2
    return F.pad(kernel, (left, margin_w - left, top, margin_h - top))


def high_pass_bank() -> Tensor:
    """The filters, (8, 1, 5, 5), each summing to zero and with a centre weight of one in size.

    First order right and down, second order horizontal, vertical and on both diagonals, and the two
    squares known as KB (3x3) and KV (5x5). After Fridrich and Kodovsky 2012 (rich models,
    doi:10.1109/TIFS.2012.2190402), of whose thirty linear filters these eight
    hold each order and direction once; quantisation and co-occurrences are left out.
    """
    square_3: list[list[float]] = [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]
    square_5: list[list[float]] = [
        [-1, 2, -2, 2, -1],
        [2, -6, 8, -6, 2],
        [-2, 8, -12, 8, -2],
        [2, -6, 8, -6, 2],
        [-1, 2, -2, 2, -1],
    ]
    kernels: list[tuple[list[list[float]], float]] = [
        ([[0.0, -1, 1]], 1),
        ([[0.0], [-1], [1]], 1),
        ([[1.0, -2, 1]], 2),
        ([[1.0], [-2], [1]], 2),
        ([[1.0, 0, 0], [0, -2, 0], [0, 0, 1]], 2),
        ([[0.0, 0, 1], [0, -2, 0], [1, 0, 0]], 2),
        (square_3, 4),
        (square_5, 12),
    ]
    return torch.stack([_kernel(rows, divisor) for rows, divisor in kernels])[:, None]


class HighPass(nn.Module):
    """Residuals of each colour channel in grey levels of 8 bit, cut at `truncation` and scaled to [-1, 1].

    Channels are filtered one by one and not summed to a luminance, since an attack moves each colour
    on its own and a sum would let opposite signs cancel.
    """

    bank: Tensor

    def __init__(self, channels: int, *, truncation: float = TRUNCATION) -> None:
        super().__init__()
        self.channels = channels
        # Scaled here and not the residuals, which are many.
        bank = high_pass_bank() / truncation
        self.register_buffer("bank", bank.repeat(channels, 1, 1, 1), persistent=False)
        self.n_residuals = N_FILTERS * channels

    def forward(self, pixels: Tensor) -> Tensor:
        """Residuals (N, 8 * channels, H, W) of `pixels` (N, channels, H, W) in [0, 1]."""
        # Reflection keeps the border free of an edge that is not in the image.
        padded = F.pad(pixels * _LEVELS, (_SIDE // 2,) * 4, mode="reflect")
        return F.conv2d(padded, self.bank, groups=self.channels).clamp(-1, 1)
