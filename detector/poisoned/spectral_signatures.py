"""The direction in which the features of one class vary most, and who stands apart along it."""

from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, Literal

import numpy as np

from detector.poisoned.interface import Evidence, Finder, Finding, clears


def projections(features: np.ndarray) -> np.ndarray:
    """The coordinates (n,) of features (n, D) along the top singular direction of the centred features, float64.

    The sign is free. Their squares are the outlier scores of the paper.
    """
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    along: np.ndarray = centred @ axes[:, -1]
    return along


def separation(values: np.ndarray) -> tuple[float, float]:
    """Where to cut numbers in two, and how far the parts then lie apart.

    The cut is that of the largest variance between the parts (Otsu 1979, doi:10.1109/TSMC.1979.4310076); the distance
    is Ashman's D (Ashman et al. 1994, doi:10.1086/117248): the distance of the means in units of the spreads. A normal
    distribution cut at its middle has D = 2.65, a uniform one 3.46; two clusters that one sees have more.

    Args:
        values: (n,), at least two different ones.

    Returns:
        The cut, midway between two of the values, and D; D is 0 where all values are equal.
    """
    ordered = np.sort(values)
    n, sums, squares = len(ordered), np.cumsum(ordered), np.cumsum(ordered**2)
    below = np.arange(1, n)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (n - below)
    at = int((below * (n - below) * (high - low) ** 2).argmax())
    left = squares[at] / below[at] - low[at] ** 2
    right = (squares[-1] - squares[at]) / (n - below[at]) - high[at] ** 2
    # What cancels in the differences of squares is no spread.
    spread = max(left + right, 1e-12 * (squares[-1] / n + 1e-300))
    apart = 0.0 if ordered[0] == ordered[-1] else sqrt(2) * float(high[at] - low[at]) / sqrt(spread)
    return float(ordered[at] + ordered[at + 1]) / 2, apart


@dataclass(frozen=True, kw_only=True)
class SpectralSignatures(Finder):
    """Samples far out along the top singular direction of their class.

    Tran et al. 2018, arXiv:1811.00636, algorithm 1: the score is the squared projection. What differs by default:
    the paper takes away 1.5 times the expected share of every class, clean ones too; here a class is left alone
    unless its projections fall in two parts that lie apart, the smaller part is flagged, and a part that holds its
    share of the trusted samples is let be. `mode="share"` is the paper's.

    Attributes:
        mode: "gated", or "share" as in the paper.
        min_separation: Ashman's D above which the projections count as two parts. Of clean digits' classes the largest
            seen was 3.8, of a class with a backdoor at 5 % of all data 6.3.
        max_share: of the smaller part.
        expected_share: of poison in a class, for "share".
        multiplier: how many times the expected share is flagged, for "share"; 1.5 in the paper.
        min_samples: smaller classes are left alone.
    """

    NAME: ClassVar[str] = "spectral signatures"
    SOURCE: ClassVar[str] = "Tran et al. 2018, arXiv:1811.00636"
    NEEDS: ClassVar[tuple[str, ...]] = ("features",)

    mode: Literal["gated", "share"] = "gated"
    min_separation: float = 4.5
    max_share: float = 0.45
    expected_share: float = 0.05
    multiplier: float = 1.5
    min_samples: int = 20

    def _find(self, evidence: Evidence) -> Finding:
        features = evidence.require("features", of=self.NAME)
        score, flagged = np.zeros(evidence.n), np.zeros(evidence.n, bool)
        classes = []
        for k in range(evidence.n_classes):
            members = evidence.members(k)
            if len(members) < self.min_samples:
                facts: dict[str, Any] = {"passed": False, "why": f"fewer than {self.min_samples} samples"}
            else:
                along = projections(features[members])
                score[members] = along**2
                chosen, facts = (self._gated if self.mode == "gated" else self._by_share)(evidence, members, along)
                flagged[members] = chosen
            classes.append({"class": k, "n": len(members), **facts})
        return Finding(finder=self.NAME, score=score, flagged=flagged, facts={"mode": self.mode, "classes": classes})

    def _by_share(
        self, evidence: Evidence, members: np.ndarray, along: np.ndarray
    ) -> tuple[np.ndarray, dict[str, Any]]:
        share = min(1.0, self.multiplier * self.expected_share)
        cutoff = float(np.quantile(along**2, 1 - share))
        return along**2 >= cutoff, {"passed": True, "why": None, "cutoff": cutoff}

    def _gated(self, evidence: Evidence, members: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        cut, apart = separation(along)
        part = along > cut
        part = part if 2 * part.sum() <= len(part) else ~part
        share = float(part.mean())
        why = None
        if apart <= self.min_separation:
            why = "the projections are one part"
        elif share >= self.max_share:
            why = "neither part is the smaller one"
        elif clears(members[part], members, evidence.trusted):
            why = "trusted samples lie in the smaller part"
        facts = {"passed": why is None, "why": why, "separation": apart, "share": share}
        return part & (why is None), facts
