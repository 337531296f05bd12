"""The root of a Merkle tree: one hash for many things in an order, any of which can later be proven to be among them.

RFC 9162, section 2.1.1, with SHA-256: leaves and inner nodes are hashed with another byte before them, so that none can
be taken for the other.
"""

import hashlib
from collections.abc import Iterable


def merkle_root(entries: Iterable[bytes]) -> bytes:
    """The root over these entries in their order, 32 bytes; of none it is the hash of nothing."""
    row = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    if not row:
        return hashlib.sha256(b"").digest()
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        last = row[-1:] if len(row) % 2 else []  # One without a neighbour moves up as it is.
        row = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + last
    return row[0]
