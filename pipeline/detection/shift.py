"""What recalibration changed: false alarms on the local scans before it, and what is promised after it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np

from datasets.store import Dataset
from detector.conformal import OFFERED_ALPHAS, false_alarm_band, flagged_range, supports, threshold
from pipeline.detection.local_scans import LocalScans
from pipeline.detection.statistics import Interval, rate


@dataclass(frozen=True)
class RateShift:
    """One stated false-alarm rate, before and after.

    Attributes:
        alpha: the stated rate.
        before: share of the local scans that the threshold of before flags; None where the scans that set it could
            not support the rate.
        expected: between which shares that would lie with probability 95 %, were the local scans like those of before.
        band: where the true rate on scans like the local ones lies after, with probability 95 %.
    """

    alpha: float
    before: Interval | None
    expected: tuple[float, float] | None
    band: tuple[float, float]

    @property
    def differs(self) -> bool:
        """Whether the local scans are flagged otherwise than scans like those of before would be."""
        if self.before is None or self.before.value is None or self.expected is None:
            return False
        return not self.expected[0] <= self.before.value <= self.expected[1]


@dataclass(frozen=True)
class ClassShift:
    """The scans of one class: how many, and the shares that the thresholds of before and after flag.

    `before` is None where the scans that set the threshold of before could not support the rate. Both shares are of the
    very scans that the threshold of after was set on: they tell on whom the alarms fall, and not how many come.
    """

    n: int
    before: Interval | None
    after: Interval


@dataclass(frozen=True)
class Recalibration:
    """What a detector was calibrated on before and now, and how far that moved it.

    Attributes:
        detector_id: the detector of before.
        before: id of the data set, splits and number of scans that it was calibrated on.
        dataset_id: of the local scans.
        dataset_name: for people.
        splits: of the local scans.
        n: how many calibrate; `n_images` how many there were.
        left_out: which were left out, in words.
        unchecked: data sets that could not be looked into for scans that the models learned from.
        alpha: the rate that `by_class` is at.
        rates: one entry a rate on offer that n supports, and `alpha`.
        by_class: by the classes of the local data set.
    """

    detector_id: str
    before: Mapping[str, object]
    dataset_id: str
    dataset_name: str
    splits: tuple[str, ...]
    n: int
    n_images: int
    left_out: str
    unchecked: tuple[str, ...]
    alpha: float
    rates: tuple[RateShift, ...]
    by_class: Mapping[str, ClassShift]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        told = asdict(self)
        for entry, row in zip(told["rates"], self.rates, strict=True):
            entry["differs"] = row.differs
        return told

    def lines(self) -> list[str]:
        """The report for a terminal."""
        said = [f"calibrated on {self.n} of {self.n_images} scans of {self.dataset_name} ({', '.join(self.splits)})"]
        if self.left_out:
            said.append(f"  left out: {self.left_out}")
        if self.unchecked:
            said.append(
                f"  not checked for scans that the models learned from: {', '.join(self.unchecked)} is not here"
            )
        for row in self.rates:
            low, high = row.band
            said.append(
                f"  stated {row.alpha:.1%}: before {_before(row)}; after, the true rate {low:.1%} to {high:.1%}"
            )
        for name, shift in self.by_class.items():
            before = f"{shift.before.value or 0.0:.1%} before, " if shift.before else ""
            said.append(
                f"  {name}: of {shift.n} flagged at {self.alpha:.1%} {before}{shift.after.value or 0.0:.1%} now"
            )
        return said


def rate_shifts(old: np.ndarray, scores: np.ndarray, alpha: float) -> tuple[RateShift, ...]:
    """Every rate on offer that the new scores support, and `alpha`.

    Args:
        old: (m,), the calibration scores of before, sorted upwards.
        scores: (n,), those of the local scans.
        alpha: the rate asked for.
    """
    n = len(scores)
    alphas = sorted({alpha, *(offer for offer in OFFERED_ALPHAS if supports(n, offer))})
    return tuple(_shift(old, scores, each) for each in alphas)


def class_shifts(
    old: np.ndarray, scores: np.ndarray, dataset: Dataset, local: LocalScans, alpha: float
) -> dict[str, ClassShift]:
    """On which classes the alarms fell before, and fall now; a class without a scan is left out."""
    labels = dataset.labels[local.items]
    before = threshold(old, alpha) if supports(len(old), alpha) else None
    after = threshold(np.sort(scores), alpha)
    found = {}
    for k, name in enumerate(dataset.classes):
        of_class = scores[labels == k]
        if len(of_class) > 0:
            flagged = None if before is None else _flagged(of_class, before)
            found[name] = ClassShift(len(of_class), flagged, _flagged(of_class, after))
    return found


def _shift(old: np.ndarray, scores: np.ndarray, alpha: float) -> RateShift:
    n, band = len(scores), false_alarm_band(len(scores), alpha)
    if not supports(len(old), alpha):
        return RateShift(alpha, None, None, band)
    return RateShift(alpha, _flagged(scores, threshold(old, alpha)), flagged_range(len(old), alpha, n), band)


def _flagged(scores: np.ndarray, tau: float) -> Interval:
    return rate(int((scores > tau).sum()), len(scores))


def _before(row: RateShift) -> str:
    if row.before is None or row.before.value is None or row.expected is None:
        return "not supported"
    share, low, high = row.before.value, row.before.low or 0.0, row.before.high or 0.0
    told = f"{share:.1%} flagged ({low:.1%} to {high:.1%})"
    return f"{told}, not the {row.expected[0]:.1%} to {row.expected[1]:.1%} expected" if row.differs else told
