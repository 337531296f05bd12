"""Gaps in the histogram, which a change of gamma or contrast leaves, closed again."""

import torch
import torch.nn.functional as F
from torch import Tensor

WELL_FILLED = 20
"""Pixels that each neighbour of a gap must hold. Our choice: of a level between two that occur so often, chance alone
does not leave next to nothing."""

NEARLY_EMPTY = 0.2
"""A level is a gap with at most this share of the pixels of either neighbour. After gamma, faint noise leaves a tenth
of them in a gap, signs of one level leave as many as beside it. Chosen on clean scans of the detector and calibration
splits, of which one in 25 has one such level by nature."""

_TOP = 255


def close_gaps(pixels: Tensor) -> Tensor:
    """The image with the levels of 8 bit drawn together where one is nearly empty between two that are well filled.

    A monotonic map of levels (gamma, a window) stretches part of the range, and there skips single levels. Every edge
    across a skipped level is then higher by one, as after an attack of one level; but an attack fills such gaps. What
    little lies in a gap goes to the level below. Pixels between levels count as the nearest level and move as it does.
    A scan without gaps stays as it is. The gradient is that of the identity.

    Args:
        pixels: (N, C, H, W) in [0, 1]; each channel has a histogram of its own.
    """
    flat = pixels.flatten(2)
    level = (flat.detach() * _TOP).round().clamp(0, _TOP).long()
    counts = flat.new_zeros(*flat.shape[:2], _TOP + 1).scatter_add(2, level, torch.ones_like(flat))
    filled = counts >= WELL_FILLED
    fewer = torch.minimum(counts[..., :-2], counts[..., 2:])
    is_gap = (counts[..., 1:-1] <= NEARLY_EMPTY * fewer) & filled[..., :-2] & filled[..., 2:]
    # The lowest and the highest level lie beside one neighbour each and are none.
    below = F.pad(is_gap.to(flat.dtype), (1, 1)).cumsum(2)
    return (flat - below.gather(2, level) / _TOP).view_as(pixels)
