"""What every finder of poisoned training data is shown, and what it answers."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from detector.errors import EvidenceMissing, FeatureMismatch, NotEnoughSamples, NotFinite

_SUM_TOLERANCE = 1e-2  # Probabilities stored in half precision still pass.


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """A training set as finders see it; all rows in the order of the data set.

    Attributes:
        pixels: (n, H, W, C) uint8 levels, as the classifier sees them.
        labels: (n,) int64 in [0, n_classes), as given, which may be wrong.
        n_classes: K, at least 2.
        trusted: (n,) bool, samples whose pixels and label somebody vouched for; they are never flagged.
        features: (n, D) float32, penultimate layer of the classifier that was trained on these samples.
        probs: (n, K) float32, OUT-OF-FOLD: each row by a model that did not learn from it.
        reference_probs: (n, K) float32, by a model that learned from the trusted samples alone; out-of-fold too in
            the rows of the trusted.

    Raises:
        FeatureMismatch: shapes, types or ranges do not belong together.
        NotFinite: a feature or probability is NaN or infinite.
        NotEnoughSamples: there is no sample.
    """

    pixels: np.ndarray
    labels: np.ndarray
    n_classes: int
    trusted: np.ndarray
    features: np.ndarray | None = None
    probs: np.ndarray | None = None
    reference_probs: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.labels) == 0:
            raise NotEnoughSamples("0 training samples; expected at least one: import images first")
        self._check_samples()
        for name in ("features", "probs", "reference_probs"):
            self._check_rows(name)
        for name in ("probs", "reference_probs"):
            self._check_probabilities(name)

    @property
    def n(self) -> int:
        """How many training samples there are."""
        return len(self.labels)

    def require(self, name: str, *, of: str) -> np.ndarray:
        """The optional field `name`, for the finder `of`.

        Raises:
            EvidenceMissing: it is None.
        """
        rows: np.ndarray | None = getattr(self, name)
        if rows is None:
            raise EvidenceMissing(f"{of}: {name} not given; measure it first, or choose a finder that does without")
        return rows

    def members(self, k: int) -> np.ndarray:
        """The row numbers of the samples that are labelled k, upwards."""
        return np.flatnonzero(self.labels == k)

    def _check_samples(self) -> None:
        n = len(self.labels)
        if self.pixels.ndim != 4 or self.pixels.dtype != np.uint8 or len(self.pixels) != n:
            raise FeatureMismatch(
                f"pixels {self.pixels.shape} of {self.pixels.dtype}; expected ({n}, H, W, C) uint8, one row a label"
            )
        if self.labels.ndim != 1 or not np.issubdtype(self.labels.dtype, np.integer):
            raise FeatureMismatch(f"labels {self.labels.shape} of {self.labels.dtype}; expected (n,) whole numbers")
        if self.trusted.shape != (n,) or self.trusted.dtype != np.bool_:
            raise FeatureMismatch(f"trusted {self.trusted.shape} of {self.trusted.dtype}; expected ({n},) bool")
        low, high = int(self.labels.min()), int(self.labels.max())
        if self.n_classes < 2 or low < 0 or high >= self.n_classes:
            raise FeatureMismatch(
                f"labels {low} to {high} of {self.n_classes} classes; expected within 0 to {self.n_classes - 1}, and "
                "at least two classes"
            )

    def _check_rows(self, name: str) -> None:
        rows = getattr(self, name)
        if rows is None:
            return
        if rows.ndim != 2 or len(rows) != self.n or rows.shape[1] == 0:
            raise FeatureMismatch(f"{name} {rows.shape}; expected one row for each of the {self.n} samples")
        if not np.isfinite(rows).all():
            bad = int(np.flatnonzero(~np.isfinite(rows).all(1))[0])
            raise NotFinite(f"{name} of sample {bad} hold NaN or infinity; check the classifier and its training")

    def _check_probabilities(self, name: str) -> None:
        probs = getattr(self, name)
        if probs is None:
            return
        if probs.shape[1] != self.n_classes:
            raise FeatureMismatch(f"{name} of {probs.shape[1]} classes; the labels have {self.n_classes}")
        if probs.min() < 0 or np.abs(probs.sum(1) - 1).max() > _SUM_TOLERANCE:
            raise FeatureMismatch(
                f"{name} are no probabilities; expected rows from 0 on that sum to one: apply softmax"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Finding:
    """What one finder says of every sample.

    Attributes:
        finder: its name.
        score: (n,) float64, higher is more suspicious; comparable within one finder only.
        flagged: (n,) bool, whom the finder would have looked at; never a trusted sample.
        facts: what was measured, fit for JSON: gates passed or not, thresholds, hits.
        suggested: (n,) int64, the class that the finder believes instead; None where it has no opinion on labels.

    Raises:
        FeatureMismatch: there are not as many scores as flags.
        NotFinite: a score is NaN or infinite.
    """

    finder: str
    score: np.ndarray
    flagged: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)
    suggested: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.score.shape != self.flagged.shape:
            raise FeatureMismatch(
                f"{self.finder}: {self.score.shape} scores, {self.flagged.shape} flags; expected as many"
            )
        if not np.isfinite(self.score).all():
            raise NotFinite(f"{self.finder}: a score is NaN or infinite; check what the classifier answered")


class Finder(ABC):
    """A way of finding poisoned training samples; its parameters are the fields of a frozen dataclass.

    Deterministic, and without regard to the order of the samples.

    Attributes:
        NAME: for registries and people.
        SOURCE: the work that it follows; what differs stands with the class.
        NEEDS: which of the optional fields of `Evidence` it looks at.
    """

    NAME: ClassVar[str]
    SOURCE: ClassVar[str]
    NEEDS: ClassVar[tuple[str, ...]] = ()

    def find(self, evidence: Evidence) -> Finding:
        """A score and a flag for every sample; trusted ones are never flagged.

        Raises:
            EvidenceMissing: a field that `NEEDS` names is None.
            NotEnoughSamples: the trusted subset misses a class, for finders that lean on it.
        """
        for name in self.NEEDS:
            evidence.require(name, of=self.NAME)
        found = self._find(evidence)
        return replace(found, flagged=found.flagged & ~evidence.trusted)

    @abstractmethod
    def _find(self, evidence: Evidence) -> Finding:
        """What `find` answers, but for the trusted; the evidence that `NEEDS` names is there."""


def require_trusted(evidence: Evidence, *, per_class: int = 1) -> None:
    """Refuse a trusted subset that misses a class.

    Raises:
        NotEnoughSamples: a class has fewer trusted samples than `per_class`; names it.
    """
    counts = np.bincount(evidence.labels[evidence.trusted], minlength=evidence.n_classes)
    poor = np.flatnonzero(counts < per_class)
    if len(poor):
        told = ", ".join(f"class {k} has {counts[k]}" for k in poor[:5]) + (", ..." if len(poor) > 5 else "")
        raise NotEnoughSamples(
            f"the trusted subset misses a class: {told}; expected at least {per_class} trusted a class: look at more "
            "samples of it and mark them as trusted"
        )


def clears(group: np.ndarray, pool: np.ndarray, trusted: np.ndarray) -> bool:
    """Whether the trusted samples say that a group is a natural part of its class.

    Nobody vouched for poison, so a group that holds its share of the trusted samples is none. Our rule: at least two
    of them, and at least a quarter of what falls to it by its size; one alone may lie there by mistake.

    Args:
        group: row numbers of a suspicious group.
        pool: row numbers that the group was taken from, the group among them.
        trusted: (n,) bool.
    """
    n_inside = int(trusted[group].sum())
    due = float(trusted[pool].sum()) * len(group) / max(1, len(pool))
    return n_inside >= max(2.0, due / 4)
