"""One resize and one preprocessing, alike in numpy, torch and ONNX: two matrix products."""

from functools import lru_cache

import numpy as np

from datasets.image import to_unit
from pipeline.models.spec import ClassifierSpec

# Rec. 601 luma, the weights that Pillow's "L" uses.
LUMA = (0.299, 0.587, 0.114)


@lru_cache(maxsize=256)
def resize_matrix(n_in: int, n_out: int) -> np.ndarray:
    """The weights (n_out, n_in) that resize one axis, float32 and read-only.

    A triangle as wide as the step, so that shrinking averages what it passes over: the filter
    of Pillow's BILINEAR, without its rounding to 8 bits. A whole image is
    `rows @ x @ cols.T`. The identity where the lengths agree.
    """
    step = n_in / n_out
    reach = max(step, 1.0)
    centres = (np.arange(n_out) + 0.5) * step
    distances = np.abs(np.arange(n_in)[None, :] + 0.5 - centres[:, None])
    weights = np.clip(1.0 - distances / reach, 0.0, None)
    weights /= weights.sum(axis=1, keepdims=True)
    matrix = weights.astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def fit_levels(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> np.ndarray:
    """What the classifier is shown of one stored image: (channels, height, width) float32 in [0, 1].

    Args:
        levels: (H, W, C) as stored, C of 1 or 3.
        bits: depth of the levels, 8 to 16.
        spec: the classifier that will see it.
    """
    pixels = to_unit(levels, bits).transpose(2, 0, 1)
    if len(pixels) == 3 and spec.channels == 1:
        pixels = np.tensordot(np.array(LUMA, dtype=np.float32), pixels, axes=1)[None]
    elif len(pixels) == 1 and spec.channels == 3:
        pixels = np.repeat(pixels, 3, axis=0)
    height, width = pixels.shape[1:]
    if height != spec.height:
        pixels = resize_matrix(height, spec.height) @ pixels
    if width != spec.width:
        pixels = pixels @ resize_matrix(width, spec.width).T
    return np.ascontiguousarray(pixels, dtype=np.float32)
