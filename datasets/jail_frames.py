"""How parent and child of the jail talk: a JSON header and raw bytes, both with their length in front.

Imported by the child before it has read anything, so it imports nothing that takes time.
"""

import json
import struct
from typing import BinaryIO

PREFIX = struct.Struct(">IQ")
MAX_HEADER_BYTES = 16 << 20

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
