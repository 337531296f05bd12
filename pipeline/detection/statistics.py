"""How well scores separate, with what the number of scans leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta, rankdata

N_RESAMPLES = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """An estimate and where it may lie with 95 % confidence; all None where nothing was seen."""

    value: float | None
    low: float | None
    high: float | None


NOTHING = Interval(None, None, None)


def auroc(suspicious: np.ndarray, ordinary: np.ndarray) -> float:
    """The chance that a suspicious score is above an ordinary one, ties counted half; NaN where one is empty."""
    n, m = len(suspicious), len(ordinary)
    if n == 0 or m == 0:
        return float("nan")
    ranks = rankdata(np.concatenate([suspicious, ordinary]))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def auroc_interval(
    suspicious: np.ndarray,
    ordinary: np.ndarray,
    suspicious_groups: np.ndarray,
    ordinary_groups: np.ndarray,
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> Interval:
    """AUROC with a percentile bootstrap over groups, since scans of one group are no independent draws.

    Args:
        suspicious: (n,) scores.
        ordinary: (m,) scores.
        suspicious_groups: (n,), whom each belongs to.
        ordinary_groups: (m,), in the same numbering: a group drawn twice counts twice on both sides.
        seed: of the resampling.
        n_resamples: how many.
    """
    value = auroc(suspicious, ordinary)
    if np.isnan(value):
        return Interval(None, None, None)
    groups = np.unique(np.concatenate([suspicious_groups, ordinary_groups]))
    ranked = Ranked(suspicious, ordinary, suspicious_groups, ordinary_groups, groups)
    rng = np.random.default_rng(seed)
    found = [ranked.auroc(drawn_groups(len(groups), rng)) for _ in range(n_resamples)]
    return Interval(value, *middle_part([each for each in found if not np.isnan(each)]))


class Ranked:
    """Scores put in order once, for the AUROC of many draws of groups."""

    def __init__(
        self,
        suspicious: np.ndarray,
        ordinary: np.ndarray,
        suspicious_groups: np.ndarray,
        ordinary_groups: np.ndarray,
        groups: np.ndarray,
    ) -> None:
        """`groups` are all that may be drawn, sorted upwards."""
        joined = np.concatenate([suspicious, ordinary])
        order = np.argsort(joined, kind="stable")
        self._group = np.searchsorted(groups, np.concatenate([suspicious_groups, ordinary_groups]))[order]
        self._is_suspicious = (np.arange(len(joined)) < len(suspicious))[order]
        # Scores that are equal share one place, so that ties count half.
        self._place = np.unique(joined[order], return_inverse=True)[1]

    def auroc(self, times: np.ndarray) -> float:
        """AUROC where every group counts so many times, (G,); NaN where one side is empty."""
        weight = times[self._group]
        above = np.bincount(self._place, weights=weight * self._is_suspicious)
        below = np.bincount(self._place, weights=weight * ~self._is_suspicious)
        pairs = above.sum() * below.sum()
        return float((above * (below.cumsum() - 0.5 * below)).sum() / pairs) if pairs > 0 else float("nan")


def drawn_groups(n: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of n groups comes up in n draws with putting back, (n,)."""
    return np.bincount(rng.integers(n, size=n), minlength=n)


def middle_part(found: Sequence[float]) -> tuple[float, float]:
    """Where the middle 95 % of resampled figures lie; anywhere where there are none."""
    if not len(found):
        return 0.0, 1.0
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def rate(n_hits: int, n: int) -> Interval:
    """A share with its exact interval (Clopper and Pearson 1934, doi:10.1093/biomet/26.4.404)."""
    if n == 0:
        return Interval(None, None, None)
    tail = (1 - LEVEL) / 2
    low = 0.0 if n_hits == 0 else float(beta.ppf(tail, n_hits, n - n_hits + 1))
    high = 1.0 if n_hits == n else float(beta.ppf(1 - tail, n_hits + 1, n - n_hits))
    return Interval(n_hits / n, low, high)


def ranged(interval: Interval) -> str:
    """A figure with its interval, for people."""
    if interval.value is None:
        return "-"
    return f"{interval.value:.4f} ({interval.low:.4f} to {interval.high:.4f})"


def share_of(interval: Interval) -> str:
    """A share with its interval, in per cent, for people."""
    if interval.value is None:
        return "-"
    return f"{interval.value:.1%} ({interval.low:.1%} to {interval.high:.1%})"
