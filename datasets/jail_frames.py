"""How the jail's processes talk: frames of a JSON header and raw bytes, both with their length in front, and lines."""

import json
import struct
from typing import BinaryIO

PREFIX = struct.Struct(">IQ")
MAX_HEADER_BYTES = 16 << 20

MAX_REQUEST_BYTES = 1 << 16
"""The longest line with which a child is asked for."""

MAX_WORD_BYTES = 1 << 13
"""The longest word that comes back about a child."""

Header = dict[str, object]


def pack(header: Header, payload_bytes: int) -> bytes:
    """All of a frame but its payload."""
    encoded = json.dumps(header, allow_nan=False).encode("utf-8")
    return PREFIX.pack(len(encoded), payload_bytes) + encoded


def read_frame(stream: BinaryIO) -> tuple[Header, bytes] | None:
    """The next frame, None at the end of the stream."""
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    header_bytes, payload_bytes = PREFIX.unpack(prefix)
    header = json.loads(stream.read(header_bytes))
    return header, stream.read(payload_bytes)


def write_frame(stream: BinaryIO, header: Header, payload: bytes | memoryview) -> None:
    """Write one frame and flush it."""
    stream.write(pack(header, len(payload)))
    stream.write(payload)
    stream.flush()


def to_line(word: Header) -> bytes:
    """A short word without a payload."""
    return json.dumps(word, allow_nan=False).encode("utf-8") + b"\n"


def from_line(line: bytes) -> Header:
    """The word that `to_line` made a line of."""
    return dict(json.loads(line))
