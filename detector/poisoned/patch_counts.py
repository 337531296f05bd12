"""Which small squares of levels, at which place, occur in one class and hardly anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log10

import numpy as np
from scipy.stats import binom

N_BITS_OF_HASH = 10
"""Squares of one place are counted in 1,024 bins. A collision hides a square at one place, and a stamp shows at many:
whatever overlaps it repeats as well."""

_ALONG, _ACROSS, _LAST = np.uint32(0x85EBCA77), np.uint32(0x9E3779B1), np.uint32(0xC2B2AE3D)  # Odd, as xxHash has them.


@dataclass(frozen=True)
class Seed:
    """A square that repeats in one class.

    Attributes:
        row, column: its upper left pixel.
        side: in pixels.
        carriers: row numbers of the samples that carry it, of any class.
        label: the class in which it repeats.
        n_inside: carriers of that class.
        log10_p: of so many carriers there by chance, not corrected.
    """

    row: int
    column: int
    side: int
    carriers: np.ndarray
    label: int
    n_inside: int
    log10_p: float


def coded(pixels: np.ndarray, bits: int) -> np.ndarray:
    """The pixels (n, H, W, C) uint8 as one code a pixel, (H, W, n): the top `bits` of each channel side by side.

    Channels that are all alike count once. Of more than 16 bits in all, the rest wraps around.
    """
    n_channels = pixels.shape[3]
    if n_channels > 1 and all(np.array_equal(pixels[..., 0], pixels[..., c]) for c in range(1, n_channels)):
        n_channels = 1
    shift = np.uint8(8 - bits)
    if n_channels == 1:
        return np.ascontiguousarray((pixels[..., 0] >> shift).transpose(1, 2, 0))
    codes = np.zeros(pixels.shape[:3], np.uint16)
    for c in range(n_channels):
        codes = (codes << np.uint16(bits)) | (pixels[..., c] >> shift)
    return np.ascontiguousarray(codes.transpose(1, 2, 0))


def hashes(rows: np.ndarray) -> np.ndarray:
    """The bins (W - s + 1, n) of the s x s squares that lie in s rows (s, W, n) of codes."""
    side, width = rows.shape[0], rows.shape[1]
    down = rows[0].astype(np.uint32)
    for row in rows[1:]:
        down = down * _ACROSS + row
    n_places = width - side + 1
    square = down[:n_places]
    for j in range(1, side):
        square = square * _ALONG + down[j : n_places + j]
    # The high bits are the ones that every pixel has a part in.
    return ((square ^ (square >> np.uint32(15))) * _LAST) >> np.uint32(32 - N_BITS_OF_HASH)


def chance(n_inside: int, n_carriers: int, share: float) -> float:
    """The log10 of the chance that of so many carriers at least so many are of a class with this share of samples."""
    # Far out the tail underflows to 0; its largest term, which bounds it from below, does not.
    tail = max(binom.logsf(n_inside - 1, n_carriers, share), binom.logpmf(n_inside, n_carriers, share))
    return float(tail) / log(10)


def seeds(
    codes: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    *,
    sides: Sequence[int],
    min_count: int,
    elsewhere: float,
    alpha: float,
) -> tuple[list[Seed], int]:
    """The squares that repeat in one class more than chance allows and hardly in another, the least likely first.

    Args:
        codes: (H, W, n), of `coded`.
        labels: (n,).
        n_classes: K.
        sides: of the squares.
        min_count: of carriers in the class.
        elsewhere: carriers in all other classes, as a share of those in the class; one is always let pass.
        alpha: chance of a single false seed in all, were classes without a part in what the pixels are.

    Returns:
        The seeds, and how many squares were tried: every bin with `min_count` samples counts once a class.
    """
    n_bins = 1 << N_BITS_OF_HASH
    found: list[tuple[int, int, int, int]] = []
    n_tried = 0
    for side in (side for side in sides if side <= min(codes.shape[:2])):
        for row in range(codes.shape[0] - side + 1):
            bins = hashes(codes[row : row + side])
            at = bins.astype(np.int64) * n_classes + labels
            at += np.arange(len(bins))[:, None] * (n_bins * n_classes)
            counts = np.bincount(at.ravel(), minlength=len(bins) * n_bins * n_classes).reshape(-1, n_classes)
            n_carriers, n_inside = counts.sum(1), counts.max(1)
            n_tried += int((n_carriers >= min_count).sum()) * n_classes
            odd = (n_inside >= min_count) & (n_carriers - n_inside <= elsewhere * n_inside + 1)
            found += [(side, row, *divmod(int(where), n_bins)) for where in np.flatnonzero(odd)]
    limit = log10(alpha) - log10(max(1, n_tried))
    shares = np.bincount(labels, minlength=n_classes) / len(labels)
    tested = (_seed(codes, labels, shares, *where) for where in found)
    kept = [seed for seed in tested if seed.n_inside >= min_count and seed.log10_p <= limit]
    return sorted(kept, key=lambda seed: (seed.log10_p, seed.side, seed.row, seed.column)), n_tried


def _seed(
    codes: np.ndarray, labels: np.ndarray, shares: np.ndarray, side: int, row: int, column: int, in_bin: int
) -> Seed:
    """What a bin holds most of; squares that only share the bin are sorted out."""
    square = codes[row : row + side, column : column + side]
    candidates = np.flatnonzero(hashes(square)[0] == in_bin)
    patterns, counts = np.unique(square[:, :, candidates].reshape(side * side, -1), axis=1, return_counts=True)
    pattern = patterns[:, counts.argmax()].reshape(side, side, 1)
    carriers = candidates[(square[:, :, candidates] == pattern).all((0, 1))]
    by_class = np.bincount(labels[carriers], minlength=len(shares))
    label = int(by_class.argmax())
    n_inside = int(by_class[label])
    return Seed(row, column, side, carriers, label, n_inside, chance(n_inside, len(carriers), float(shares[label])))
