"""Figures of several seeds as one: the scores of different detectors are never compared with each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detection.statistics import Ranked, auroc, drawn_groups, middle_part, rate

N_RESAMPLES = 1000


@dataclass(frozen=True)
class Sample:
    """What one seed's detector says: scores with whom each belongs to, and where its alarms begin."""

    suspicious: np.ndarray
    suspicious_groups: np.ndarray
    ordinary: np.ndarray
    ordinary_groups: np.ndarray


@dataclass(frozen=True)
class Pooled:
    """A figure over seeds.

    Attributes:
        value: the mean of the seeds' AUROCs, or the share of all their scans; None where nothing was seen.
        low: with `high`, where it lies with 95 % confidence: a bootstrap over groups, drawn for all seeds together.
        n: suspicious scores, or scans, of all seeds.
        n_groups: how many groups these belong to.
        worst: of the seeds, by their own figure.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    n_groups: int
    worst: float | None


NOTHING = Pooled(None, None, None, 0, 0, None)


def pooled_auroc(samples: Sequence[Sample], *, seed: int = 0, n_resamples: int = N_RESAMPLES) -> Pooled:
    """The mean AUROC of the seeds that saw anything."""
    samples = [sample for sample in samples if len(sample.suspicious) and len(sample.ordinary)]
    if not samples:
        return NOTHING
    groups = np.unique(
        np.concatenate([part for one in samples for part in (one.suspicious_groups, one.ordinary_groups)])
    )
    ranked = [
        Ranked(one.suspicious, one.ordinary, one.suspicious_groups, one.ordinary_groups, groups) for one in samples
    ]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_resamples):
        times = drawn_groups(len(groups), rng)
        drawn = [each for each in (one.auroc(times) for one in ranked) if not np.isnan(each)]
        found += [float(np.mean(drawn))] if drawn else []
    values = [auroc(one.suspicious, one.ordinary) for one in samples]
    seen = np.concatenate([one.suspicious_groups for one in samples])
    return Pooled(float(np.mean(values)), *middle_part(found), len(seen), len(np.unique(seen)), min(values))


def pooled_rate(
    hits: Sequence[np.ndarray],
    groups: Sequence[np.ndarray],
    *,
    low_is_worst: bool = True,
    seed: int = 0,
    n_resamples: int = N_RESAMPLES,
) -> Pooled:
    """The share of hits among all scans of all seeds.

    Where all or none are hits, a bootstrap sees no doubt; the interval is then the exact one of so many groups.

    Args:
        hits: (n,) bool, one array a seed.
        groups: (n,), whom each belongs to, in the same numbering for all seeds.
        low_is_worst: which seed is the worst: the one with the fewest hits, or the one with the most.
        seed: of the resampling.
        n_resamples: how many.
    """
    seen, of_seen = np.concatenate([*hits, np.empty(0, bool)]), np.concatenate([*groups, np.empty(0, np.int64)])
    if not len(seen):
        return NOTHING
    names, place = np.unique(of_seen, return_inverse=True)
    each, all_of = np.bincount(place, weights=seen), np.bincount(place)
    if each.sum() in (0, len(seen)):
        exact = rate(len(names) if each.sum() else 0, len(names))
        low, high = exact.low or 0.0, 1.0 if exact.high is None else exact.high
    else:
        rng = np.random.default_rng(seed)
        draws = [drawn_groups(len(names), rng) for _ in range(n_resamples)]
        low, high = middle_part([float((times * each).sum() / (times * all_of).sum()) for times in draws])
    shares = [float(one.mean()) for one in hits if len(one)]
    return Pooled(float(seen.mean()), low, high, len(seen), len(names), min(shares) if low_is_worst else max(shares))
