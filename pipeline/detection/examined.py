"""What every part of an evaluation shares: the gate, the scans, the attacked rows, and where alarms begin."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.progress import Progress
from datasets.store import Dataset
from detector.conformal import false_alarm_band, n_needed, supports, threshold
from pipeline.detection.evidence import perturbation
from pipeline.detection.network import GateNetwork, Scan, Scores, score_scans
from pipeline.detection.protocol_rows import StrictRate
from pipeline.detection.statistics import Interval, rate

STRICT_ALPHA, LOOSE_ALPHA = 0.001, 0.05
MAX_CONTROLLED = 200
"""Clean scans that every control is applied to, and attacked ones of each cell: 200 tell 2 % from 5 %."""


@dataclass(frozen=True, eq=False)
class AttackedCell:
    """The rows of one attack at one eps in one region, and what the gate says of them.

    Attributes:
        rows: (n,) numbers of the rows.
        success: (n,) bool, whether the attack succeeded on the file.
        groups: (n,) whom their parents belong to.
    """

    attack: str
    eps: float
    region: str
    rows: np.ndarray
    success: np.ndarray
    groups: np.ndarray
    scores: Scores

    @property
    def level(self) -> float | None:
        """The radius in 1/255; None for an attack without one."""
        return round(255 * self.eps, 3) if self.eps > 0 else None

    @property
    def hit(self) -> np.ndarray:
        """The scores of the successful attacks."""
        found: np.ndarray = self.scores.score[self.success]
        return found


@dataclass(frozen=True, eq=False)
class Examined:
    """One detector on one split.

    Attributes:
        items: the clean scans of the split.
        clean: what the gate says of them.
        tau: score above which a scan is flagged; `strict_tau` that of `strict`; `loose_tau` that of `LOOSE_ALPHA`, None
            where the calibration scans do not support it.
        own: whether the rows were made against the classifier of this gate.
    """

    network: GateNetwork
    dataset: Dataset
    rows: AdversarialRows
    items: np.ndarray
    clean: Scores
    tau: float
    strict: StrictRate
    strict_tau: float
    loose_tau: float | None
    own: bool
    seed: int
    progress: Progress

    def look(self, scans: Iterable[Scan], n: int, what: str) -> Scores:
        """What the gate says of n scans."""
        return score_scans(self.network, scans, n=n, what=what, progress=self.progress)

    def flagged(self, score: np.ndarray) -> Interval:
        """Share of scores above the threshold."""
        return rate(int((score > self.tau).sum()), len(score))

    def groups(self, items: np.ndarray) -> np.ndarray:
        """Whom items of the data set belong to."""
        found: np.ndarray = self.dataset.groups[items]
        return found

    def some_items(self, part: int) -> np.ndarray:
        """At most `MAX_CONTROLLED` clean scans; the same for the same part."""
        return np.random.default_rng([self.seed, part]).permutation(self.items)[:MAX_CONTROLLED]

    def some_hits(self, cell: AttackedCell, part: int) -> np.ndarray:
        """At most `MAX_CONTROLLED` places in a cell whose attack succeeded."""
        return np.random.default_rng([self.seed, part]).permutation(np.flatnonzero(cell.success))[:MAX_CONTROLLED]

    def attacked(self, rows: np.ndarray) -> Iterator[Scan]:
        """The attacked scans of rows, read one after the other."""
        for row in rows:
            yield self.rows.levels(int(row)), int(self.rows.bits[row])

    def perturbation(self, row: int) -> np.ndarray:
        """What the attack of a row added to its parent, in levels, int64."""
        return perturbation(self.dataset, self.rows, row)


def loose_threshold(calibration: np.ndarray) -> float | None:
    """The threshold of the loosest rate that figures are given at; None where the scans do not support it."""
    return threshold(calibration, LOOSE_ALPHA) if supports(len(calibration), LOOSE_ALPHA) else None


def strict_rate(calibration: np.ndarray) -> tuple[StrictRate, float]:
    """The strictest rate that figures are given at, and its threshold."""
    n = len(calibration)
    supported = supports(n, STRICT_ALPHA)
    # Flagging what stands above all n calibration scores is the strictest rule that they know of.
    rate_ = STRICT_ALPHA if supported else max(STRICT_ALPHA, 1 / (n + 1))
    tau = threshold(calibration, rate_)
    return StrictRate(STRICT_ALPHA, rate_, supported, n_needed(STRICT_ALPHA), false_alarm_band(n, rate_)), tau
