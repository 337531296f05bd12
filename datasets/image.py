"""An image as the levels its file stores."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from datasets.errors import BadImage
from datasets.png_depth import PNG_BITS, scaled_to_16

Levels = npt.NDArray[np.uint8 | np.uint16]

MIN_BITS = 8
MAX_BITS = 16


@dataclass(frozen=True, eq=False)
class Image:
    """Levels of one file: (H, W, C) uint8 for 8 bits, uint16 for more; C is 1 (grey) or 3 (RGB)."""

    levels: Levels
    bits: int
    file_type: str  # "png", "jpeg", "tiff", "bmp" or "dicom": what the bytes are, whatever the name says.

    def __post_init__(self) -> None:
        """Refuse levels that break the promise of the class, so that nothing later has to look."""
        check_levels(self.levels, self.bits)


def check_levels(levels: Levels, bits: int) -> None:
    """Refuse an array that is no image.

    Raises:
        BadImage: its shape, type or largest level differs from what `Image` promises.
    """
    if not MIN_BITS <= bits <= MAX_BITS:
        raise BadImage(f"{bits} bits a level, expected {MIN_BITS} to {MAX_BITS}")
    if levels.ndim != 3 or levels.shape[2] not in (1, 3) or 0 in levels.shape:
        raise BadImage(f"shape {levels.shape}, expected (height, width, 1 or 3)")
    expected = np.uint8 if bits == MIN_BITS else np.uint16
    if levels.dtype != expected:
        raise BadImage(f"levels of type {levels.dtype}, expected {np.dtype(expected)} for {bits} bits")
    if (highest := int(levels.max())) >= 1 << bits:
        raise BadImage(f"level {highest}, expected at most {(1 << bits) - 1} for {bits} bits")


def grey_when_equal(levels: Levels) -> Levels:
    """One channel where the three channels of an RGB image are equal, the same array otherwise."""
    if levels.shape[2] == 3:
        first = levels[..., 0]
        if np.array_equal(first, levels[..., 1]) and np.array_equal(first, levels[..., 2]):
            return np.ascontiguousarray(levels[..., :1])
    return levels


def to_unit(levels: Levels, bits: int) -> npt.NDArray[np.float32]:
    """Levels as pixels in [0, 1], float32, of the same shape."""
    return levels.astype(np.float32) / np.float32((1 << bits) - 1)


def with_bits(levels: Levels, bits: int, new_bits: int) -> Levels:
    """The same picture at another depth; exact from 8 to 16 bits, rounded to the nearest level otherwise."""
    if bits == new_bits:
        return levels
    top, new_top = (1 << bits) - 1, (1 << new_bits) - 1
    # In whole numbers, so that no half is lost to floating point.
    scaled = (levels.astype(np.int64) * (2 * new_top) + top) // (2 * top)
    return scaled.astype(np.uint8 if new_bits == MIN_BITS else np.uint16)


def encode_png(levels: Levels, bits: int) -> bytes:
    """A PNG file that decodes to exactly these levels.

    Images of 9 to 15 bits are written with 16 bits a level, see `datasets.png_depth`.

    Raises:
        BadImage: not an image, or RGB of more than 8 bits, which Pillow cannot write.
    """
    check_levels(levels, bits)
    if levels.shape[2] == 3 and bits > MIN_BITS:
        raise BadImage(f"RGB of {bits} bits cannot be written as PNG; convert it to grey or to 8 bits")
    chunks = PngInfo()
    if MIN_BITS < bits < PNG_BITS:
        chunks.add(b"sBIT", bytes([bits]))
        levels = scaled_to_16(levels.astype(np.uint16), bits)
    picture = Picture.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    written = io.BytesIO()
    # Level 1 is three times as fast as the default and costs a tenth in size on scans.
    picture.save(written, format="PNG", compress_level=1, pnginfo=chunks)
    return written.getvalue()
