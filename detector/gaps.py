"""Gaps in the histogram, which a change of gamma or contrast leaves and nothing else does, closed again."""

import torch
import torch.nn.functional as F
from torch import Tensor

WELL_FILLED = 20
"""Pixels that each neighbour of a gap must hold. Our choice: between two levels that often, one that occurs as often by
nature stays empty with a chance of e^-20."""

_TOP = 255


def close_gaps(pixels: Tensor) -> Tensor:
    """The image with the levels of 8 bit drawn together where one lies empty between two that are well filled.

    A monotonic map of levels (gamma, a window) stretches part of the range, and there skips single levels. Every edge
    across a skipped level is then higher by one, as after an attack of one level; but an attack fills such gaps and
    leaves none. A scan without gaps, and one whose pixels are no whole levels, stays as it is. Its gradient is that
    of the identity.

    Args:
        pixels: (N, C, H, W) in [0, 1]; each channel has a histogram of its own.
    """
    flat = pixels.flatten(2)
    level = (flat.detach() * _TOP).round().clamp(0, _TOP).long()
    counts = flat.new_zeros(*flat.shape[:2], _TOP + 1).scatter_add(2, level, torch.ones_like(flat))
    filled = counts >= WELL_FILLED
    is_gap = (counts[..., 1:-1] == 0) & filled[..., :-2] & filled[..., 2:]
    # The lowest and the highest level lie beside one neighbour each and are none.
    below = F.pad(is_gap.to(flat.dtype), (1, 1)).cumsum(2)
    return (flat - below.gather(2, level) / _TOP).view_as(pixels)
