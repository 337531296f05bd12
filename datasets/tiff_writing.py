"""Levels to a TIFF file; those of 12 bits are packed by hand, since Pillow reads them and cannot write them."""

import io
import struct

import numpy as np
from PIL import Image as Picture

from datasets.image import Levels

PACKED_BITS = 12

_HEADER = struct.Struct("<2sHI")
_ENTRY = struct.Struct("<HHII")
_LONG = 4
_BLACK_IS_ZERO, _UNCOMPRESSED = 1, 1


def encode_tiff(levels: Levels, bits: int) -> bytes:
    """An uncompressed TIFF file that decodes to exactly these levels: grey of 8, 12 or 16 bits, or RGB of 8."""
    if bits == PACKED_BITS:
        return _packed(levels[..., 0])
    written = io.BytesIO()
    Picture.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels).save(written, format="TIFF")
    return written.getvalue()


def _packed(grey: Levels) -> bytes:
    """Baseline TIFF 6.0: header, one strip, one directory; each row is filled up to a whole byte."""
    height, width = grey.shape
    as_bits = np.unpackbits(grey.astype(">u2").view(np.uint8).reshape(height, width, 2), axis=2)
    strip = np.packbits(as_bits[..., -PACKED_BITS:].reshape(height, -1), axis=1).tobytes()
    strip_at = _HEADER.size
    entries = (
        (256, width),
        (257, height),
        (258, PACKED_BITS),
        (259, _UNCOMPRESSED),
        (262, _BLACK_IS_ZERO),
        (273, strip_at),
        (277, 1),
        (278, height),
        (279, len(strip)),
    )
    padding = bytes(len(strip) % 2)  # A directory begins at an even place.
    directory = struct.pack("<H", len(entries))
    directory += b"".join(_ENTRY.pack(tag, _LONG, 1, value) for tag, value in entries)
    header = _HEADER.pack(b"II", 42, strip_at + len(strip) + len(padding))
    return header + strip + padding + directory + bytes(4)
