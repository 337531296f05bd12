"""Which answers waver too little under overlays, for the class that an input is called or for any."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from detector.conformal import require_support, threshold
from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite

_FLOOR = 1e-6  # Below it float32 probabilities say nothing more.
_LEAST_SPREAD = 1e-2
_PRIOR = 2  # So many images of all classes stand beside those of one, whose spread could be chance.
_FIELDS = ("mean", "spread", "calibration")


@dataclass(frozen=True, eq=False)
class StripRule:
    """How much answers usually waver for the class that is predicted, and what clean images score by that.

    Gao et al. 2019, arXiv:1902.06531, hold every entropy against one threshold. What differs: some classes are read
    into almost any blend (sums of digits look like an 8), and their clean images would set the threshold for all. So
    the score is by how many standard deviations the logarithm of the entropy stands below the mean of the clean images
    of its predicted class, each of which is scored without itself. What `Parts` says has a long tail, in which one
    image moves its class's spread and its own score would differ from that of a new one: there the logarithm alone is
    the score, which holds clean images at the rate whatever the tail. What both hold stands in docs/results/strip.md.

    Attributes:
        mean: (K,) of the logarithms by predicted class; 0 where one threshold is for all.
        spread: (K,) standard deviations, above 0; 1 where one threshold is for all.
        calibration: (n,) the scores of the clean images, sorted upwards.
    """

    mean: np.ndarray
    spread: np.ndarray
    calibration: np.ndarray

    @classmethod
    def fit(cls, wavering: np.ndarray, predicted: np.ndarray, n_classes: int, *, by_class: bool = True) -> "StripRule":
        """The rule of clean images.

        Args:
            wavering: (n,) from 0 on, of images that were neither overlays nor trained on.
            predicted: (n,) whole numbers, what the classifier calls them.
            n_classes: K.
            by_class: whether each predicted class is judged by what is usual for it.

        Raises:
            NotEnoughSamples: there is no image.
            NotFinite: a value is NaN or infinite.
            FeatureMismatch: a predicted class is none of the K, or there are not as many as values.
        """
        h, called = _logs(wavering), _checked(wavering, predicted, n_classes)
        if not len(h):
            raise NotEnoughSamples("0 clean images to know by what is usual; expected hundreds that are no overlays")
        if not by_class:
            return cls(np.zeros(n_classes), np.ones(n_classes), np.sort(-h))
        counts, sums, squares = (
            np.bincount(called, weights, minlength=n_classes) for weights in (np.ones_like(h), h, h**2)
        )
        prior = (float(h.mean()), float(h.var()))
        without = _usual(counts[called] - 1, sums[called] - h, squares[called] - h**2, prior)
        return cls(*_usual(counts, sums, squares, prior), np.sort((without[0] - h) / without[1]))

    def threshold(self, rate: float) -> float:
        """The score above which an input is held so that this share of clean ones is; .01 in the paper.

        Raises:
            NotEnoughClean: so many clean images cannot support the rate.
        """
        require_support(len(self.calibration), rate)
        return threshold(self.calibration, rate)

    def score(self, wavering: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """The suspicion (N,) of inputs that waver so much (N,) and are called these classes (N,).

        Raises:
            NotFinite: a value is NaN or infinite.
            FeatureMismatch: a predicted class is none of the K, or there are not as many as values.
        """
        called = _checked(wavering, predicted, len(self.mean))
        scores: np.ndarray = (self.mean[called] - _logs(wavering)) / self.spread[called]
        return scores

    def to_json(self) -> dict[str, list[float]]:
        """Everything, as JSON values."""
        return {name: getattr(self, name).tolist() for name in _FIELDS}

    @classmethod
    def from_json(cls, told: object) -> "StripRule":
        """The rule that `to_json` told of.

        Raises:
            FeatureMismatch: it is none.
        """
        try:
            given = cast("dict[str, Any]", told)
            mean, spread, calibration = (np.array(given[name], np.float64) for name in _FIELDS)
        except (KeyError, TypeError, ValueError) as e:
            raise FeatureMismatch(f"no {', '.join(_FIELDS)} of a rule of STRIP: {e}; fit it again") from e
        shapes = mean.ndim == calibration.ndim == 1 and mean.shape == spread.shape
        known = np.concatenate([mean.ravel(), spread.ravel(), calibration.ravel()])
        if not shapes or not np.isfinite(known).all() or (spread <= 0).any() or (np.diff(calibration) < 0).any():
            raise FeatureMismatch("no finite mean and spread a class, or scores out of order; fit the rule again")
        return cls(mean, spread, calibration)


def _usual(
    counts: np.ndarray, sums: np.ndarray, squares: np.ndarray, prior: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of so many values, and the prior's beside them."""
    mean = (sums + _PRIOR * prior[0]) / (counts + _PRIOR)
    var = (squares - 2 * mean * sums + counts * mean**2 + _PRIOR * prior[1]) / (counts + _PRIOR)
    return mean, np.sqrt(np.maximum(var, _LEAST_SPREAD**2))


def _logs(wavering: np.ndarray) -> np.ndarray:
    if not np.isfinite(wavering).all():
        raise NotFinite("what wavers holds NaN or infinity; check the images and the classifier's weights")
    logs: np.ndarray = np.log(wavering.astype(np.float64) + _FLOOR)
    return logs


def _checked(wavering: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    if wavering.ndim != 1 or predicted.shape != wavering.shape:
        raise FeatureMismatch(f"{wavering.shape} values, {predicted.shape} predicted classes; expected (n,) of each")
    if len(predicted) and (predicted.min() < 0 or predicted.max() >= n_classes):
        raise FeatureMismatch(f"predicted class {predicted.max()} of {n_classes}; expected 0 to {n_classes - 1}")
    return predicted.astype(np.int64)
