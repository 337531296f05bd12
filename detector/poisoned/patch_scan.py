"""Stamps: a fixed pattern at a fixed place that comes with one class, whatever surrounds it."""

from dataclasses import dataclass
from math import log10
from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import binary_dilation, label

from detector.poisoned.interface import Evidence, Finder, Finding
from detector.poisoned.patch_counts import Seed, chance, coded, seeds

_EIGHT = np.ones((3, 3), bool)
_SAME = 0.95  # Carriers that must agree on a pixel for it to belong to the stamp.
_CARRIED = 0.9  # Pixels of a stamp that a sample must show to carry it: all, of fewer than ten.
_LONGEST = 4  # Times its other side: longer ones are lines, as cropping leaves them at the rim of scans.
_PATTERN_SHOWN = 64  # Pixels of a stamp that the facts spell out.


@dataclass(frozen=True, eq=False)
class Stamp:
    """Pixels on which the carriers of a seed agree and others do not, and how much the rest of the image tells of them.

    Attributes:
        seed: from which it was grown.
        rows, columns: of its pixels.
        told_by_ring: how far the surrounding pixels differ between carriers and others, in units of how far the stamp
            differs; 0 where the surroundings know nothing of it.
        carriers: (n,) bool, of any class.
    """

    seed: Seed
    rows: np.ndarray
    columns: np.ndarray
    told_by_ring: float
    carriers: np.ndarray


@dataclass(frozen=True, kw_only=True)
class PatchScan(Finder):
    """A static patch: levels that repeat at one place in one class, hardly occur in another, and end abruptly.

    Our own, before any training; the trigger looked for is that of Gu et al. 2017, arXiv:1708.06733. Every place is
    scanned for small squares of coarse levels that one class has more often than chance allows, corrected for the
    number tried. Strokes of a class do that as well. What tells a stamp from a stroke is that the surroundings do not
    know of it: a seed is grown to all pixels that its carriers agree on, and the ring around them must look as it does
    in samples without it. A pattern that two trusted samples carry is none. Blind to triggers that are blended or move,
    and to those that a class shows often by nature.

    Attributes:
        sides: of the squares, in pixels; larger stamps are grown.
        bits: of each level that are looked at; fewer forgive more noise.
        min_count: of carriers in the class.
        elsewhere: carriers that other classes may have, as a share of those in the class: a few triggers that a model
            learned wrongly, or a chance likeness.
        alpha: chance of one false pattern in all.
        max_told: of what the ring tells, as in `Stamp`; see `stamp_of`.
        max_side: of a stamp, in pixels to either side of its seed.
    """

    NAME: ClassVar[str] = "patch scan"
    SOURCE: ClassVar[str] = "this project; the trigger as in Gu et al. 2017, arXiv:1708.06733"

    sides: tuple[int, ...] = (2, 3, 4)
    bits: int = 3
    min_count: int = 10
    elsewhere: float = 0.02
    alpha: float = 1e-3
    max_told: float = 0.2
    max_side: int = 8

    def _find(self, evidence: Evidence) -> Finding:
        codes = coded(evidence.pixels, self.bits)
        found, n_tried = seeds(
            codes,
            evidence.labels,
            evidence.n_classes,
            sides=self.sides,
            min_count=self.min_count,
            elsewhere=self.elsewhere,
            alpha=self.alpha,
        )
        means = _Means(evidence)
        score, flagged = np.zeros(evidence.n), np.zeros(evidence.n, bool)
        hits: list[dict[str, Any]] = []
        seen: set[bytes] = set()
        for seed in found:
            # The squares of one stamp, and of look-alike images, have the same carriers: the first stands for all.
            if (key := seed.carriers.tobytes()) in seen:
                continue
            seen.add(key)
            stamp = stamp_of(seed, codes, means, self.max_side)
            hit = self._hit(stamp, evidence, n_tried) if stamp is not None else None
            if stamp is None or hit is None:
                continue
            inside = stamp.carriers & (evidence.labels == seed.label)
            score[inside] = np.maximum(score[inside], -hit["log10_p"])
            flagged |= inside
            # Carriers of a part of it may be one or two more, and then it comes up again.
            if {**hit, "told_by_ring": 0} not in [{**other, "told_by_ring": 0} for other in hits]:
                hits.append(hit)
        hits.sort(key=lambda hit: float(hit["log10_p"]))
        return Finding(
            finder=self.NAME,
            score=score,
            flagged=flagged,
            facts={"hits": hits, "n_squares_tried": n_tried, "n_repeating": len(found)},
        )

    def _hit(self, stamp: Stamp, evidence: Evidence, n_tried: int) -> dict[str, Any] | None:
        """What to report of a stamp, None where it is not one of poison."""
        k = stamp.seed.label
        n_carriers = int(stamp.carriers.sum())
        inside = stamp.carriers & (evidence.labels == k)
        n_inside = int(inside.sum())
        few = n_inside < self.min_count or n_carriers - n_inside > self.elsewhere * n_inside + 1
        vouched = int((stamp.carriers & evidence.trusted).sum()) >= 2
        if few or vouched or stamp.told_by_ring > self.max_told:
            return None
        log10_p = float(chance(n_inside, n_carriers, (evidence.labels == k).mean())) + log10(max(1, n_tried))
        if log10_p > log10(self.alpha):
            return None
        row, column = int(stamp.rows.min()), int(stamp.columns.min())
        example = int(inside.argmax())
        levels = evidence.pixels[example, stamp.rows, stamp.columns][:_PATTERN_SHOWN]
        return {
            "class": k,
            "row": row,
            "column": column,
            "height": int(stamp.rows.max()) - row + 1,
            "width": int(stamp.columns.max()) - column + 1,
            "n_pixels": len(stamp.rows),
            "levels": levels.tolist(),
            "n_in_class": n_inside,
            "n_elsewhere": n_carriers - n_inside,
            "log10_p": log10_p,
            "told_by_ring": stamp.told_by_ring,
        }


class _Means:
    """The mean image of all samples and of each class, taken once."""

    def __init__(self, evidence: Evidence) -> None:
        self.pixels = evidence.pixels
        self.labels = evidence.labels
        self.n_by_class = np.bincount(evidence.labels, minlength=evidence.n_classes)
        self.sums = np.stack(
            [evidence.pixels[evidence.labels == k].sum((0, 3), dtype=np.float64) for k in range(evidence.n_classes)]
        )

    def shift(self, carriers: np.ndarray, rows: np.ndarray, columns: np.ndarray, k: int) -> tuple[np.ndarray, ...]:
        """How far the mean of carriers (m,) lies from that of other samples, at pixels: of all classes, and of k."""
        at = self.pixels[carriers[:, None], rows, columns].sum(2, dtype=np.float64)  # (m, p)
        own = self.labels[carriers] == k
        every, n_every = self.sums[:, rows, columns].sum(0) - at.sum(0), len(self.labels) - len(carriers)
        same, n_same = self.sums[k, rows, columns] - at[own].sum(0), self.n_by_class[k] - own.sum()
        mean = at.mean(0)
        return abs(mean - every / max(1, n_every)), abs(mean - (same / n_same if n_same else mean))


def stamp_of(seed: Seed, codes: np.ndarray, means: _Means, max_side: int) -> Stamp | None:
    """The stamp that a seed is part of; None where its pixels are the background's, a line or a rim, or reach too far.

    A pixel belongs to it where nearly all carriers have one code, most other samples another, and it hangs together
    with the seed. What reaches over the window is no patch but look-alike images or a frame. What the ring tells is the
    smaller of two comparisons: with the other samples of all classes, as for images that were taken from anywhere and
    relabelled, and with those of the class, for images that kept their label. Of strokes on clean MNIST it is .3 and
    more, of a stamp in a corner 0, of a checkerboard amid the strokes .05.
    """
    height, width = codes.shape[:2]
    top, left = max(0, seed.row - max_side), max(0, seed.column - max_side)
    window = codes[top : seed.row + seed.side + max_side, left : seed.column + seed.side + max_side]
    modal = np.sort(window[:, :, seed.carriers], axis=2)[:, :, len(seed.carriers) // 2]
    own = _own(window, modal, seed.carriers)
    parts, _ = label(own, structure=_EIGHT)
    r, c = seed.row - top, seed.column - left
    inside = np.setdiff1d(parts[r : r + seed.side, c : c + seed.side], [0])
    body = np.isin(parts, inside)
    cut = (body[0].any() and top > 0) or (body[-1].any() and top + len(body) < height)
    cut = cut or (body[:, 0].any() and left > 0) or (body[:, -1].any() and left + body.shape[1] < width)
    if cut or not len(inside):
        return None
    ring = np.nonzero(binary_dilation(body, _EIGHT) & ~body)
    pixels = np.nonzero(body)
    extent = sorted(int(np.ptp(places)) + 1 for places in pixels)
    spans = np.ptp(pixels[0]) + 1 == height or np.ptp(pixels[1]) + 1 == width
    if not len(ring[0]) or spans or extent[1] > _LONGEST * extent[0]:
        return None
    rows, columns = pixels[0] + top, pixels[1] + left
    differs = [shift.mean() for shift in means.shift(seed.carriers, rows, columns, seed.label)]
    around = [shift.mean() for shift in means.shift(seed.carriers, ring[0] + top, ring[1] + left, seed.label)]
    told = min((a / d for a, d in zip(around, differs, strict=True) if d > 0), default=1.0)
    shown = (codes[rows, columns] == modal[pixels][:, None]).mean(0)
    return Stamp(seed, rows, columns, float(told), shown >= _CARRIED)


def _own(window: np.ndarray, modal: np.ndarray, carriers: np.ndarray) -> np.ndarray:
    """The pixels (h, w) bool of a window (h, w, n) on which the carriers agree, and most others do otherwise."""
    n_same = (window[:, :, carriers] == modal[:, :, None]).sum(2)
    own: np.ndarray = n_same >= _SAME * len(carriers)
    # Only where it matters: the window of all samples is large.
    n_all = (window[own] == modal[own][:, None]).sum(1)
    own[own] = n_all - n_same[own] <= (window.shape[2] - len(carriers)) / 2
    return own
