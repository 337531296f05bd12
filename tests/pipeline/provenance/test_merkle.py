import hashlib

import pytest

from pipeline.provenance.merkle import merkle_root

# The eight entries that the test vectors of Certificate Transparency (RFC 6962, which RFC 9162 keeps) use.
ENTRIES = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ENTRIES.append(bytes(range(0x60, 0x70)))


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def by_the_book(entries: list[bytes]) -> bytes:
    """The definition of RFC 9162 itself: split at the largest power of two below n."""
    if len(entries) == 1:
        return leaf(entries[0])
    k = 1 << (len(entries) - 1).bit_length() - 1
    return node(by_the_book(entries[:k]), by_the_book(entries[k:]))


def test_of_nothing_it_is_the_hash_of_nothing() -> None:
    assert merkle_root([]) == hashlib.sha256().digest()


def test_gives_the_published_root() -> None:
    assert merkle_root(ENTRIES).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("n", range(1, 9))
def test_is_the_tree_of_the_definition(n: int) -> None:
    assert merkle_root(ENTRIES[:n]) == by_the_book(ENTRIES[:n])


def test_an_inner_node_is_not_taken_for_an_entry() -> None:
    assert merkle_root([leaf(b"a") + leaf(b"b")]) != merkle_root([b"a", b"b"])


def test_the_order_counts() -> None:
    assert merkle_root([b"a", b"b"]) != merkle_root([b"b", b"a"])
