"""Grey levels of 9 to 15 bits in a PNG, which stores 16.

The levels are scaled to 16 bits by repeating their highest bits below, so that every reader sees them as bright as they
are, and the chunk sBIT names the depth that they had (PNG, third edition, 11.3.2.4 and 12.4). Shifting gives them back.
"""

import struct

import numpy as np
import numpy.typing as npt

PNG_BITS = 16
_SIGNIFICANT = b"sBIT"
_FIRST_CHUNK_AT = 8
_CHUNK_HEAD = struct.Struct(">I4s")
_CHECKSUM_BYTES = 4
_LEAST_BITS = 9


def scaled_to_16(levels: npt.NDArray[np.uint16], bits: int) -> npt.NDArray[np.uint16]:
    """Levels of 9 to 16 bits over the whole range of 16."""
    room = PNG_BITS - bits
    return ((levels << room) | (levels >> (bits - room))).astype(np.uint16)


def significant_bits(data: bytes) -> int | None:
    """The depth that a 16-bit grey PNG says its levels had, None where it says nothing below 16."""
    at = _FIRST_CHUNK_AT
    while at + _CHUNK_HEAD.size < len(data):
        length, kind = _CHUNK_HEAD.unpack_from(data, at)
        if kind == _SIGNIFICANT:
            bits = data[at + _CHUNK_HEAD.size]
            return bits if length == 1 and _LEAST_BITS <= bits < PNG_BITS else None
        if kind == b"IDAT":
            return None
        at += _CHUNK_HEAD.size + length + _CHECKSUM_BYTES
    return None


def restored(stored: npt.NDArray[np.uint16], data: bytes) -> tuple[npt.NDArray[np.uint16], int]:
    """The levels of a 16-bit grey PNG and their depth: those it was made from, or the stored ones.

    The word of the chunk is taken only where scaling up again gives every stored level, so that nothing is lost.
    """
    bits = significant_bits(data)
    if bits is not None:
        levels = stored >> np.uint16(PNG_BITS - bits)
        if np.array_equal(scaled_to_16(levels, bits), stored):
            return levels, bits
    return stored, PNG_BITS
