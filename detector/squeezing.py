"""How far the classifier changes its mind when details that it should not need are taken away."""

from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor

from detector.interface import Examples, Judge, Measured, Method, Seen

BITS = 5
"""What Xu et al. 2018 choose for images of this size."""

SIGMA = 0.6
"""Of the smoothing in pixels; stripes one pixel wide fall to a third, an edge stays one. Our choice."""


def fewer_levels(pixels: Tensor, *, bits: int = BITS) -> Tensor:
    """The pixels in [0, 1] on 2**bits levels."""
    top = (1 << bits) - 1
    return (pixels * top).round() / top


def median_of_four(pixels: Tensor) -> Tensor:
    """The median of each 2x2 square of pixels (N, C, H, W), the mean of its two middle values.

    Each square is kept at its lower right pixel; the first row and column are repeated to fill the frame.
    """
    padded = F.pad(pixels, (1, 0, 1, 0), mode="replicate")
    above, below = padded[:, :, :-1], padded[:, :, 1:]
    low, high = torch.minimum(above, below), torch.maximum(above, below)
    # The smaller of the two lower ones and the larger of the two higher ones are the ends; these are the middle.
    return (torch.maximum(low[..., :-1], low[..., 1:]) + torch.minimum(high[..., :-1], high[..., 1:])) / 2


def smoothed(pixels: Tensor, *, sigma: float = SIGMA) -> Tensor:
    """The pixels (N, C, H, W) under a 3x3 Gaussian whose weights sum to one."""
    offsets = torch.arange(-1.0, 2.0)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    channels = pixels.shape[1]
    padded = F.pad(pixels, (1, 1, 1, 1), mode="replicate")
    along = F.conv2d(padded, weights.view(1, 1, 1, 3).expand(channels, 1, 1, 3), groups=channels)
    blurred: Tensor = F.conv2d(along, weights.view(1, 1, 3, 1).expand(channels, 1, 3, 1), groups=channels)
    return blurred


SQUEEZERS = (fewer_levels, median_of_four, smoothed)


class Largest(Judge):
    """The largest of the distances; nothing is learned but how many there are."""

    n_squeezers: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n_squeezers", torch.tensor(len(SQUEEZERS)))

    @property
    def widths(self) -> tuple[int, ...]:
        """One distance a squeezer."""
        return (len(SQUEEZERS),)

    def forward(self, measured: Measured) -> Tensor:
        """The largest distance (N,), 0 to 2."""
        return measured[0].amax(1)


class Squeezing(Method):
    """The largest L1 distance between the class probabilities of a scan and of its squeezed copies.

    Xu et al. 2018, arXiv:1704.01155, the joint detector: 5 bits, a median over 2x2 pixels, and a smoothing. What
    differs: a small Gaussian stands for their non-local means, which takes longer than the classifier, and the
    threshold is set by conformal calibration, as for every method here. It looks at no attacked scan.
    """

    NAME = "squeezing disagreement"
    SOURCE = "Xu et al. 2018, arXiv:1704.01155"

    def _measure(self, seen: Seen) -> Measured:
        probs = seen.logits.softmax(1)
        moved = [(seen.ask(squeeze(seen.pixels)).softmax(1) - probs).abs().sum(1) for squeeze in SQUEEZERS]
        return (torch.stack(moved, 1),)

    def _learn(self, examples: Examples) -> Largest:
        return Largest()

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        method = cls()
        method.judge = Largest()
        return method
