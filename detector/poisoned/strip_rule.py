"""Which entropy under overlays is too low, for the class that an input is called."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from detector.conformal import require_support, threshold
from detector.errors import FeatureMismatch, NotFinite

_FLOOR = 1e-2  # Bits; below it entropies are all of an input that nothing changes.
_PRIOR = 2  # So many images of all classes stand beside those of one, whose spread could be chance.


@dataclass(frozen=True, eq=False)
class StripRule:
    """A threshold for the entropies of `Strip`, each told by what is usual for the class that is predicted.

    Gao et al. 2019, arXiv:1902.06531, hold every entropy against one threshold. What differs: some classes are read
    into almost any blend (sums of digits look like an 8), and their clean images would set the threshold for all. So
    the score is by how many standard deviations the logarithm of an entropy stands below the mean of the clean images
    of its predicted class. On digits with a clean-label trigger that finds 98 % where one threshold finds 42 %, both
    set for 1 % (a seed that no published figure uses). The threshold is conformal: each clean image is scored without
    itself.

    Attributes:
        mean: (K,) of the logarithms by predicted class.
        spread: (K,) standard deviations, above 0.
        tau: the score above which an input is held.
        n: clean images that they are of.
    """

    mean: np.ndarray
    spread: np.ndarray
    tau: float
    n: int

    @classmethod
    def fit(cls, entropy: np.ndarray, predicted: np.ndarray, n_classes: int, rate: float) -> "StripRule":
        """The rule that holds this share of clean inputs.

        Args:
            entropy: (n,) bits, of clean images that were neither overlays nor trained on.
            predicted: (n,) whole numbers, what the classifier calls them.
            n_classes: K.
            rate: of false rejects; .01 in the paper.

        Raises:
            NotEnoughClean: so many images cannot support the rate.
            NotFinite: an entropy is NaN or infinite.
            FeatureMismatch: a predicted class is none of the K, or there are not as many as entropies.
        """
        require_support(len(entropy), rate)
        h, called = _logs(entropy), _checked(entropy, predicted, n_classes)
        counts, sums, squares = (
            np.bincount(called, weights, minlength=n_classes) for weights in (np.ones_like(h), h, h**2)
        )
        prior = (float(h.mean()), float(h.var()))
        without = _usual(counts[called] - 1, sums[called] - h, squares[called] - h**2, prior)
        scores = (without[0] - h) / without[1]
        mean, spread = _usual(counts, sums, squares, prior)
        return cls(mean, spread, threshold(np.sort(scores), rate), len(h))

    def score(self, entropy: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The suspicion (N,) of inputs with these entropies (N,) that are called these classes (N,).

        Raises:
            NotFinite: an entropy is NaN or infinite.
            FeatureMismatch: a predicted class is none of the K, or there are not as many as entropies.
        """
        called = _checked(entropy, predicted, len(self.mean))
        scores: np.ndarray = (self.mean[called] - _logs(entropy)) / self.spread[called]
        return scores

    def rejects(self, entropy: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Which inputs (N,) bool are held; raises as `score` does."""
        held: np.ndarray = self.score(entropy, predicted) > self.tau
        return held

    def to_json(self) -> dict[str, object]:
        """Everything, as JSON values."""
        return {"mean": self.mean.tolist(), "spread": self.spread.tolist(), "tau": self.tau, "n": self.n}

    @classmethod
    def from_json(cls, told: object) -> "StripRule":
        """The rule that `to_json` told of.

        Raises:
            FeatureMismatch: it is none.
        """
        try:
            given = cast("dict[str, Any]", told)
            mean, spread = (np.array(given[name], np.float64) for name in ("mean", "spread"))
            tau, n = float(given["tau"]), int(given["n"])
        except (KeyError, TypeError, ValueError) as e:
            raise FeatureMismatch(f"no rule of {sorted(cls.__annotations__)}: {e}; fit it again") from e
        known = np.concatenate([mean.ravel(), spread.ravel()])
        if mean.ndim != 1 or mean.shape != spread.shape or not np.isfinite(known).all() or (spread <= 0).any():
            raise FeatureMismatch("means and spreads are not one finite pair a class; fit the rule again")
        return cls(mean, spread, tau, n)


def _usual(
    counts: np.ndarray, sums: np.ndarray, squares: np.ndarray, prior: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of so many values, and the prior's beside them."""
    mean = (sums + _PRIOR * prior[0]) / (counts + _PRIOR)
    var = (squares - 2 * mean * sums + counts * mean**2 + _PRIOR * prior[1]) / (counts + _PRIOR)
    return mean, np.sqrt(np.maximum(var, _FLOOR**2))


def _logs(entropy: np.ndarray) -> np.ndarray:
    if not np.isfinite(entropy).all():
        raise NotFinite("entropies hold NaN or infinity; check the images and the classifier's weights")
    logs: np.ndarray = np.log(entropy.astype(np.float64) + _FLOOR)
    return logs


def _checked(entropy: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    if entropy.ndim != 1 or predicted.shape != entropy.shape:
        raise FeatureMismatch(f"{entropy.shape} entropies, {predicted.shape} predicted classes; expected (n,) of each")
    if len(predicted) and (predicted.min() < 0 or predicted.max() >= n_classes):
        raise FeatureMismatch(f"predicted class {predicted.max()} of {n_classes}; expected 0 to {n_classes - 1}")
    return predicted.astype(np.int64)
