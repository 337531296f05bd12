"""Which small squares of levels, at which place, occur in one class and hardly anywhere else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log10

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom

N_BITS_OF_HASH = 10
N_BINS = 1 << N_BITS_OF_HASH
"""Squares of one place are counted in 1,024 bins. A collision hides a square at one place, and a stamp shows at many:
whatever overlaps it repeats as well."""

_BLOCK = 128
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
    n_channels, shift = pixels.shape[3], np.uint8(8 - bits)
    if n_channels > 1 and all(np.array_equal(pixels[..., 0], pixels[..., c]) for c in range(1, n_channels)):
        n_channels = 1
    n, height, width = pixels.shape[:3]
    codes = np.zeros((height, width, n), np.uint8 if n_channels == 1 else np.uint16)
    # Blocks that fit the cache: turning all samples over at once takes ten times as long.
    for start in range(0, n, _BLOCK):
        block = pixels[start : start + _BLOCK]
        for c in range(n_channels):
            part = codes[:, :, start : start + _BLOCK]
            part[:] = (part << bits) | (block[..., c] >> shift).transpose(1, 2, 0)
    return codes


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
    bins: np.ndarray = ((square ^ (square >> np.uint32(15))) * _LAST) >> np.uint32(32 - N_BITS_OF_HASH)
    return bins


def chance(n_inside: ArrayLike, n_carriers: ArrayLike, share: ArrayLike) -> np.ndarray:
    """The log10 of the chance that of so many carriers at least so many are of a class with this share of samples."""
    n_inside, n_carriers, share = (np.asarray(part, np.float64) for part in (n_inside, n_carriers, share))
    # Far out the tail underflows to 0; its largest term, which bounds it from below, does not.
    tail = np.maximum(binom.logsf(n_inside - 1, n_carriers, share), binom.logpmf(n_inside, n_carriers, share))
    return np.asarray(tail / np.log(10), np.float64)


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
    shares = np.bincount(labels, minlength=n_classes) / len(labels)
    found: list[tuple[int, int, int, int]] = []
    chances: list[np.ndarray] = []
    n_tried = 0
    for side in (side for side in sides if side <= min(codes.shape[:2])):
        for row in range(codes.shape[0] - side + 1):
            counts = _counted(codes[row : row + side], labels, n_classes)
            n_carriers, n_inside = counts.sum(0), counts.max(0)
            n_tried += int((n_carriers >= min_count).sum()) * n_classes
            odd = np.flatnonzero((n_inside >= min_count) & (n_carriers - n_inside <= elsewhere * n_inside + 1))
            chances.append(chance(n_inside[odd], n_carriers[odd], shares[counts[:, odd].argmax(0)]))
            found += [(side, row, *divmod(int(where), N_BINS)) for where in odd]
    limit = log10(alpha) - log10(max(1, n_tried))
    likely = np.flatnonzero(np.concatenate(chances) <= limit) if chances else np.zeros(0, int)
    tested = [_seed(codes, labels, n_classes, *found[i]) for i in likely]
    kept = [seed for seed in _judged(tested, shares) if seed.n_inside >= min_count and seed.log10_p <= limit]
    return sorted(kept, key=lambda seed: (seed.log10_p, seed.side, seed.row, seed.column)), n_tried


def _judged(found: list[Seed], shares: np.ndarray) -> list[Seed]:
    """The seeds with their chances filled in, all at once: one by one takes longer than the scan."""
    if not found:
        return []
    n_inside, n_carriers = [seed.n_inside for seed in found], [len(seed.carriers) for seed in found]
    by_chance = chance(n_inside, n_carriers, shares[[seed.label for seed in found]])
    return [replace(seed, log10_p=float(p)) for seed, p in zip(found, by_chance, strict=True)]


def _counted(rows: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Samples of each class with a square in each bin, (K, places x bins), at the places of s rows (s, W, n)."""
    at = hashes(rows).astype(np.int64)
    n_cells = len(at) * N_BINS
    at += labels * n_cells
    at += np.arange(0, n_cells, N_BINS)[:, None]
    return np.bincount(at.ravel(), minlength=n_classes * n_cells).reshape(n_classes, n_cells)


def _seed(codes: np.ndarray, labels: np.ndarray, n_classes: int, side: int, row: int, column: int, in_bin: int) -> Seed:
    """What a bin holds most of; squares that only share the bin are sorted out. Its chance is still to be filled in."""
    square = codes[row : row + side, column : column + side]
    candidates = np.flatnonzero(hashes(square)[0] == in_bin)
    patterns, counts = np.unique(square[:, :, candidates].reshape(side * side, -1), axis=1, return_counts=True)
    pattern = patterns[:, counts.argmax()].reshape(side, side, 1)
    carriers = candidates[(square[:, :, candidates] == pattern).all((0, 1))]
    by_class = np.bincount(labels[carriers], minlength=n_classes)
    return Seed(row, column, side, carriers, int(by_class.argmax()), int(by_class.max()), 0.0)
