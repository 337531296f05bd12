"""Copies and near copies: the same picture in two files, which must not be learnt from and tested on at once."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import imagehash
import numpy as np
from PIL import Image as Picture

from datasets.image import Image
from datasets.progress import Progress, ignore

# Chosen by looking at pairs of the public brain MRI set (6,338 scans). With a hash distance of at most 10, of 24 pairs
# that correlate by 0.97 to 0.98, 20 were one slice, sharpened or with another contrast, and 4 neighbouring slices of
# one patient; above 0.98 nearly all were one slice. Between 0.95 and 0.97 only 2 of 18 were. No pair above 0.97 had
# two classes. A group too many costs a few training images, a missed one makes the test too easy: so 0.97, not 0.98.
MAX_HASH_DISTANCE = 10
MIN_CORRELATION = 0.97
# Digits and icons resemble each other whatever they show: below this side only exact copies are looked for.
MIN_SIDE = 64
THUMBNAIL_SIDE = 32
# Hashes compared at once, and thumbnails: some 100 MB each for 70,000 images, however alike they are.
_BLOCK, _PAIRS = 512, 10_000


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """What is kept of an image to find its copies.

    Attributes:
        pixels_sha256: over shape, bits and levels.
        phash: 64-bit perceptual hash; None for an image that is too small for one.
        thumbnail: (32, 32) uint8, grey.
    """

    pixels_sha256: str
    phash: int | None
    thumbnail: np.ndarray


def pixels_sha256(levels: np.ndarray, bits: int) -> str:
    """SHA-256 over shape, bits and levels: the same for the same picture in files of different kinds."""
    digest = sha256(f"{levels.shape} {bits} ".encode())
    digest.update(np.ascontiguousarray(levels, dtype=levels.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def fingerprint(image: Image) -> Fingerprint:
    """The fingerprint of a decoded image."""
    levels = image.levels
    if levels.dtype != np.uint8:
        levels = (levels >> (image.bits - 8)).astype(np.uint8)
    picture = Picture.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels).convert("L")
    thumbnail = np.asarray(picture.resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Picture.Resampling.BOX))
    phash = None
    if min(picture.size) >= MIN_SIDE and thumbnail.min() < thumbnail.max():
        phash = int.from_bytes(np.packbits(imagehash.phash(picture).hash).tobytes(), "big")
    return Fingerprint(pixels_sha256(image.levels, image.bits), phash, thumbnail)


def exact_groups(prints: Sequence[Fingerprint]) -> list[list[int]]:
    """The images that have equal pixels, in groups of two or more, in order."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, one in enumerate(prints):
        found[one.pixels_sha256].append(index)
    return [group for group in found.values() if len(group) > 1]


def near_pairs(prints: Sequence[Fingerprint], *, progress: Progress = ignore) -> Iterator[tuple[int, int]]:
    """The pairs that show one picture though their pixels differ: re-saved, sharpened, of another contrast.

    A small Hamming distance of the perceptual hashes proposes a pair, the correlation of the thumbnails confirms it.
    Of images with equal pixels only the first takes part. Mirrored pictures are not looked for.
    """
    first: dict[str, int] = {}
    for index, one in enumerate(prints):
        if one.phash is not None:
            first.setdefault(one.pixels_sha256, index)
    numbers = np.array(list(first.values()), dtype=np.int64)
    if len(numbers) < 2:
        return
    hashes = np.array([prints[i].phash for i in numbers.tolist()], dtype=np.uint64)
    thumbnails = _standardised(np.stack([prints[i].thumbnail for i in numbers.tolist()]))
    for start in range(0, len(numbers), _BLOCK):
        progress(start, len(numbers), "looking for near copies")
        distance = np.bitwise_count(hashes[start : start + _BLOCK, None] ^ hashes[None, start:])
        left, right = np.nonzero(distance <= MAX_HASH_DISTANCE)
        later = left < right
        left, right = left[later] + start, right[later] + start
        for cut in range(0, len(left), _PAIRS):
            some_left, some_right = left[cut : cut + _PAIRS], right[cut : cut + _PAIRS]
            alike = np.einsum("nd,nd->n", thumbnails[some_left], thumbnails[some_right]) > MIN_CORRELATION
            yield from zip(numbers[some_left[alike]].tolist(), numbers[some_right[alike]].tolist(), strict=True)


class Groups:
    """Images that belong together, directly or through others."""

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def link(self, one: int, other: int) -> bool:
        """Put two images into one group; False when they are in one already."""
        low, high = sorted((self._root(one), self._root(other)))
        self._parent[high] = low
        return low != high

    def numbers(self) -> np.ndarray:
        """The group of every image, (n,) int64: the number of its first image."""
        return np.array([self._root(index) for index in range(len(self._parent))], dtype=np.int64)

    def _root(self, index: int) -> int:
        while self._parent[index] != index:
            self._parent[index] = self._parent[self._parent[index]]
            index = self._parent[index]
        return index


def _standardised(thumbnails: np.ndarray) -> np.ndarray:
    """Thumbnails (N, 32, 32) as vectors of mean 0 and length 1, whose dot product is the correlation."""
    flat = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    # A flat picture correlates with nothing; exact copies of it are found by their pixels.
    standardised: np.ndarray = flat / np.maximum(length, np.float32(1e-6))
    return standardised
