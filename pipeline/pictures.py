"""Levels as PNG files that a page or a print shows: 8 bits, nothing of the original file but its pixels."""

import numpy as np
import numpy.typing as npt

from datasets.image import Levels, encode_png

_MID_GREY = 128
_REACH = 127  # Levels on either side of mid grey.


def shown_png(levels: Levels, bits: int) -> bytes:
    """The image with 8 bits a level; deeper ones are stretched from their lowest to their highest level."""
    if bits == 8:
        return encode_png(levels, 8)
    low, high = int(levels.min()), int(levels.max())
    scaled = (levels.astype(np.float32) - low) * (255 / max(1, high - low))
    return encode_png(np.rint(scaled).astype(np.uint8), 8)


def amplification(clean: Levels, adversarial: Levels) -> int:
    """By how much the difference of two images can be multiplied so that its largest value is just shown."""
    return amplified(int(np.abs(_difference(clean, adversarial)).max()))


def amplified(largest: int) -> int:
    """By how much a difference of so many levels at most can be multiplied."""
    return max(1, _REACH // largest) if largest else 1


def difference_png(clean: Levels, adversarial: Levels) -> bytes:
    """The amplified difference; mid grey is none."""
    times = amplification(clean, adversarial)
    shown = np.clip(_MID_GREY + times * _difference(clean, adversarial), 0, 255)
    return encode_png(shown.astype(np.uint8), 8)


def _difference(clean: Levels, adversarial: Levels) -> npt.NDArray[np.int32]:
    return adversarial.astype(np.int32) - clean.astype(np.int32)
