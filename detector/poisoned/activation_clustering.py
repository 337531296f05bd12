"""Two clusters in the activations of one class, where one should be."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from detector.poisoned.interface import Evidence, Finder, Finding, clears

_AXES_TRIED = 4


def reduced(features: np.ndarray, n_components: int) -> np.ndarray:
    """The coordinates (n, D') of features (n, D) along their principal axes, float64, D' at most `n_components`."""
    centred = features.astype(np.float64) - features.mean(0, dtype=np.float64)
    # The eigenvectors of the scatter: D is hundreds, n may be tens of thousands.
    values, axes = np.linalg.eigh(centred.T @ centred)
    kept = np.flatnonzero(values > 1e-10 * max(values[-1], 1e-300))[::-1][:n_components]
    coordinates: np.ndarray = centred @ axes[:, kept]
    return coordinates


def in_two(points: np.ndarray) -> np.ndarray:
    """Which of two clusters (n,) bool each point (n, D) falls to, True for the smaller; by 2-means.

    Tried from the halves along each of the first axes, and from the tenth at either end, the best kept: so neither
    chance nor the order of the points has a part in it. The axes are to be principal ones.
    """
    best_inertia, best = np.inf, np.zeros(len(points), bool)
    for axis in points.T[:_AXES_TRIED]:
        for q in (0.1, 0.5, 0.9):
            far = axis > np.quantile(axis, q)
            if far.all() or not far.any():
                continue
            start = np.stack([points[~far].mean(0), points[far].mean(0)])
            fit = KMeans(2, init=start, n_init=1, algorithm="lloyd").fit(points)
            if fit.inertia_ < best_inertia * (1 - 1e-9):
                best_inertia, best = fit.inertia_, fit.labels_ == 1
    return best if 2 * best.sum() <= len(best) else ~best


@dataclass(frozen=True, kw_only=True)
class ActivationClustering(Finder):
    """2-means in the reduced activations of each class; the smaller cluster, where the class falls in two.

    Chen et al. 2018, arXiv:1811.03728. What differs: principal components stand for independent ones, since they
    depend on no start; the method is silent unless the silhouette says that there are two clusters and one is clearly
    smaller (the paper looks at either by eye), for 2-means cuts every clean class in two as well; a cluster that holds
    its share of the trusted samples is none of poison; the score is how much nearer a sample lies to the smaller
    centre, weighed by the silhouette. The method is patented: US 11188789.

    Attributes:
        n_components: as in the paper.
        min_silhouette: above it a class counts as two clusters. Ten clean classes of MNIST had .15 to .32, one with a
            backdoor at 5 % of all data .38.
        max_share: of the smaller cluster in its class; above it, neither is the odd one.
        min_samples: smaller classes are left alone.
    """

    NAME: ClassVar[str] = "activation clustering"
    SOURCE: ClassVar[str] = "Chen et al. 2018, arXiv:1811.03728"
    NEEDS: ClassVar[tuple[str, ...]] = ("features",)

    n_components: int = 10
    min_silhouette: float = 0.30
    max_share: float = 0.45
    min_samples: int = 20

    def _find(self, evidence: Evidence) -> Finding:
        score, flagged = np.zeros(evidence.n), np.zeros(evidence.n, bool)
        classes = []
        for k in range(evidence.n_classes):
            members = evidence.members(k)
            margin, smaller, facts = self._judge(evidence, members)
            score[members], flagged[members] = margin, smaller & facts["passed"]
            classes.append({"class": k, "n": len(members), **facts})
        return Finding(finder=self.NAME, score=score, flagged=flagged, facts={"classes": classes})

    def _judge(self, evidence: Evidence, members: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Score, membership in the smaller cluster, and what was measured, of one class."""
        nothing = np.zeros(len(members)), np.zeros(len(members), bool)
        if len(members) < self.min_samples:
            return *nothing, {"passed": False, "why": f"fewer than {self.min_samples} samples"}
        points = reduced(evidence.require("features", of=self.NAME)[members], self.n_components)
        smaller = in_two(points)
        if not smaller.any():
            return *nothing, {"passed": False, "why": "all activations are the same"}
        silhouette, share = float(silhouette_score(points, smaller)), float(smaller.mean())
        cleared = clears(members[smaller], members, evidence.trusted)
        why = None
        if silhouette <= self.min_silhouette:
            why = "no two clusters"
        elif share >= self.max_share:
            why = "neither cluster is the smaller one"
        elif cleared:
            why = "trusted samples lie in the smaller cluster"
        near, far = (np.linalg.norm(points - points[side].mean(0), axis=1) for side in (smaller, ~smaller))
        margin = max(silhouette, 0.0) * (far - near) / (far + near)
        return margin, smaller, {"passed": why is None, "why": why, "silhouette": silhouette, "share": share}
