"""Which clean scans may recalibrate a detector, and what so many can promise; reading it loads no torch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.splits import DROPPED, SPLITS
from datasets.store import Dataset, Item
from detector.conformal import OFFERED_ALPHAS, false_alarm_band, n_needed, supports
from pipeline.artefacts import DataRoot
from pipeline.detection.lineage import CALIBRATION, Lineage
from pipeline.errors import BadCalibration, NotEnoughClean

FEWEST = min(n_needed(alpha) for alpha in OFFERED_ALPHAS)
"""Fewer clean scans support no rate on offer."""


@dataclass(frozen=True)
class LocalScans:
    """The scans of a data set that are left to calibrate on.

    Attributes:
        items: (n,) of the data set: one of each group of look-alikes, which would otherwise count several times.
        splits: where they come from.
        n_images: how many there are in these splits; of them
        n_reserved: show what the detector or its classifier learned from or is judged on,
        n_too_small: are too small for the gate to screen,
        n_look_alikes: are left out beside one that looks like them.
        unchecked: data sets that the models learned from and that are not under the root, so that nobody knows
            whether these scans are among theirs.
    """

    items: np.ndarray
    splits: tuple[str, ...]
    n_images: int
    n_reserved: int
    n_too_small: int
    n_look_alikes: int
    unchecked: tuple[str, ...]

    @property
    def n(self) -> int:
        """How many scans calibrate."""
        return len(self.items)

    @property
    def left_out(self) -> str:
        """Which scans are left out, in words; empty where none is."""
        counts = (
            (self.n_reserved, "that the models learned from or are judged on"),
            (self.n_too_small, "too small for the gate"),
            (self.n_look_alikes, "look-alikes of another"),
        )
        return ", ".join(f"{count} {words}" for count, words in counts if count)


@dataclass(frozen=True)
class OfferedRate:
    """A false-alarm rate on offer: where the true one lies with probability 95 %, or how many scans it needs."""

    alpha: float
    supported: bool
    band: tuple[float, float]
    n_needed: int


def offered_rates(n: int) -> list[OfferedRate]:
    """What n clean scans support, from the lowest rate on."""
    return [
        OfferedRate(alpha, supports(n, alpha), false_alarm_band(n, alpha), n_needed(alpha)) for alpha in OFFERED_ALPHAS
    ]


def local_scans(root: DataRoot, lineage: Lineage, dataset: Dataset, splits: Sequence[str] = ()) -> LocalScans:
    """The scans of these splits, or of all, that can recalibrate the detector of this lineage.

    The scores of scans that the models learned from are lower than those of new ones, so that a threshold set on
    them would flag more than it says. Scans with the pixels of such a one are found in any data set.

    Raises:
        BadCalibration: a split is reserved or unknown, or no scan of them can calibrate.
        NotEnoughClean: those that can are fewer than any rate on offer needs.
    """
    chosen = _checked_splits(lineage, dataset, splits)
    inside = dataset.indices(*chosen).tolist()
    pixels, unchecked = lineage.reserved_pixels(root)
    reserved = {item.group for item in dataset.items if item.pixels_sha256 in pixels}
    free = [index for index in inside if dataset.items[index].group not in reserved]
    large = [index for index in free if lineage.spec.judges(*dataset.items[index].shape[:2])]
    items = _one_a_group(dataset.items, large)
    found = LocalScans(
        items=np.array(items, dtype=np.int64),
        splits=chosen,
        n_images=len(inside),
        n_reserved=len(inside) - len(free),
        n_too_small=len(free) - len(large),
        n_look_alikes=len(large) - len(items),
        unchecked=unchecked,
    )
    _refuse_too_few(found, lineage, dataset)
    return found


def _checked_splits(lineage: Lineage, dataset: Dataset, splits: Sequence[str]) -> tuple[str, ...]:
    reserved = lineage.reserved(dataset.id)
    if unknown := sorted(set(splits) - {*SPLITS, *reserved}):
        raise BadCalibration(f"{dataset.name}: no split {', '.join(unknown)}; use {', '.join(SPLITS)}")
    chosen = tuple(split for split in (*SPLITS, DROPPED) if split in splits) or SPLITS
    if refused := [split for split in chosen if split in reserved]:
        reasons = "; ".join(f"{split}: {reserved[split]}" for split in refused)
        raise BadCalibration(
            f"{dataset.name} is what this detector or its classifier was made with, and these splits of it cannot "
            f"calibrate ({reasons}); use its split {CALIBRATION}, or another data set"
        )
    return chosen


def _one_a_group(items: Sequence[Item], indices: Sequence[int]) -> list[int]:
    """One item of each group, in order: the one whose pixels hash lowest, which no name or order decides."""
    first: dict[int, int] = {}
    for index in sorted(indices, key=lambda index: items[index].pixels_sha256):
        first.setdefault(items[index].group, index)
    return sorted(first.values())


def _refuse_too_few(found: LocalScans, lineage: Lineage, dataset: Dataset) -> None:
    where = f"{dataset.name} ({', '.join(found.splits)})"
    if found.n_images == 0:
        raise BadCalibration(f"{where}: no scans there; choose splits that have some")
    if found.n_too_small == found.n_images:
        spec = lineage.spec
        raise BadCalibration(
            f"{where}: every scan is smaller than half of the {spec.width} x {spec.height} pixels that the classifier "
            "sees, and the gate screens none of that size; use scans as they will be sent to the gate"
        )
    if found.n_reserved == found.n_images:
        raise BadCalibration(
            f"{where}: the detector or its classifier learned from every scan or is judged on it; use clean scans "
            "that are new to them"
        )
    if found.n < FEWEST:
        left_out = f" (left out: {found.left_out})" if found.left_out else ""
        raise NotEnoughClean(
            f"{where}: {found.n} of {found.n_images} scans can calibrate{left_out}; {FEWEST} support a false-alarm "
            f"rate of {OFFERED_ALPHAS[-1]:.0%}, {n_needed(0.01)} one of 1 %: add clean scans"
        )
