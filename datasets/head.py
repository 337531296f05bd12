"""Where the head is in a scan: bright tissue on a dark background."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.filters import threshold_otsu

from datasets.image import Levels, to_unit

WHOLE_IMAGE = "no dark background found, so the whole image counts as head"
# Otsu parts bright from dark tissue as readily as tissue from air; skin and fluid begin at a share of its threshold.
_OTSU_SHARE = 0.35
# Noise of magnitude images has a long tail: this many deviations above the middle of the background are still air.
_N_DEVIATIONS = 5.0
# Air of a camera's or a compressor's making reaches this share of the pixel range.
_LEAST_FLOOR = 4 / 255
# A background of less than this share of the frame's outermost pixels is a neck that leaves it, or none at all.
_LEAST_DARK_RIM = 0.25
# A part smaller or larger than these shares of the frame is no head on a background.
_LEAST_AREA, _LARGEST_AREA = 0.05, 0.97
# Of the shorter side: the noise that is smoothed away, the gap that dark skull bone leaves between brain and skin,
# and what the margin adds.
_SMOOTHING, _CLOSING, _MARGIN = 0.004, 0.02, 0.01


@dataclass(frozen=True, eq=False)
class Head:
    """The pixels of the head; `found` is false where there is no background and they are all pixels."""

    mask: npt.NDArray[np.bool_]  # (H, W)
    found: bool

    @property
    def note(self) -> str:
        """What must be said of this mask, empty where it is what it is called."""
        return "" if self.found else WHOLE_IMAGE


def head_mask(levels: Levels, bits: int) -> Head:
    """The head as one part without holes, a few pixels wider than what shines.

    What is brighter than the noise of the background is tissue; of it the largest connected part counts.
    A scan without a dark background, such as one that is cut to the brain, is all head.

    Args:
        levels: (H, W, C).
        bits: their depth.
    """
    # Smoothed, so that single pixels of noise neither pass for tissue nor bridge to it.
    grey = ndimage.gaussian_filter(to_unit(levels, bits).mean(axis=2), _SMOOTHING * min(levels.shape[:2]))
    bright = grey > _floor(grey)
    radius = max(1, round(_CLOSING * min(grey.shape)))
    # Without a rim of air round the frame, closing would eat what touches its edge.
    padded = np.pad(bright, 2 * radius)
    closed = _largest(ndimage.binary_closing(padded, _disk(radius)))
    # Opening last: only once the head is full can it cut off ghosts and keep thin skin.
    largest = _largest(ndimage.binary_opening(ndimage.binary_fill_holes(closed), _disk(radius)))
    wider = ndimage.binary_dilation(largest, _disk(max(2, round(_MARGIN * min(grey.shape)))))
    mask = wider[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    if 1 - _rim(mask).mean() < _LEAST_DARK_RIM or not _LEAST_AREA <= mask.mean() <= _LARGEST_AREA:
        return _whole(grey)
    return Head(np.ascontiguousarray(mask), True)


def _floor(grey: npt.NDArray[np.float32]) -> float:
    """The brightest that air is: its own noise, and never more than dark tissue."""
    if np.ptp(grey) == 0:
        return float(grey.flat[0])
    otsu = float(threshold_otsu(grey))
    rim = _rim(grey)
    air = rim[rim < otsu]
    if not air.size:
        return _OTSU_SHARE * otsu
    middle = float(np.median(air))
    deviation = 1.4826 * float(np.median(np.abs(air - middle)))
    noise = max(middle + _N_DEVIATIONS * deviation, middle + _LEAST_FLOOR)
    return min(max(noise, _OTSU_SHARE * otsu), otsu)


def _rim(image: np.ndarray) -> np.ndarray:
    """The pixels of the frame's edge, as wide as a fortieth of the shorter side."""
    width = max(1, min(image.shape) // 40)
    inner = np.zeros(image.shape, dtype=bool)
    inner[width:-width, width:-width] = True
    outer: np.ndarray = image[~inner]
    return outer


def _largest(bright: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The largest connected part; nothing of nothing."""
    parts, n = ndimage.label(bright)
    largest: npt.NDArray[np.bool_] = (parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())) if n else bright
    return largest


def _disk(radius: int) -> npt.NDArray[np.bool_]:
    rows, columns = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    disk: npt.NDArray[np.bool_] = rows * rows + columns * columns <= radius * radius + radius
    return disk


def _whole(grey: np.ndarray) -> Head:
    return Head(np.ones(grey.shape, dtype=bool), False)
