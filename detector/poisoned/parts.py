"""Whether one small part of an image carries its class wherever it is pasted, as a trigger does."""

from collections.abc import Callable

import numpy as np

from detector.errors import FeatureMismatch, NotEnoughSamples

Predict = Callable[[np.ndarray], np.ndarray]
"""Pixels (B, C, H, W) float32 in [0, 1] to probabilities (B, K)."""

N_A_SIDE = 7
"""Parts a side. Each is a quarter of the side and they begin an eighth apart, so that neighbours overlap by half."""


def windows(height: int, width: int) -> list[tuple[slice, slice]]:
    """The parts of an image, `N_A_SIDE` by `N_A_SIDE` of them.

    A mark of at most an eighth of the sides lies whole in one of them, wherever it is.
    """
    return [(rows, columns) for rows in _cuts(height) for columns in _cuts(width)]


def _cuts(side: int) -> list[slice]:
    edges = [-(-side * k // (N_A_SIDE + 1)) for k in range(N_A_SIDE + 2)]
    return [slice(start, end) for start, end in zip(edges, edges[2:], strict=False) if start < end]


def choose_for_parts(called: np.ndarray, m: int) -> np.ndarray:
    """The places (m,) of overlays so that the classes that they are called (n,) take turns, the first ones first.

    Raises:
        NotEnoughSamples: m is below 2, or above n, or all are called one class.
    """
    if not 2 <= m <= len(called) or len(np.unique(called)) < 2:
        raise NotEnoughSamples(
            f"{m} overlays of {len(called)} clean images of {len(np.unique(called))} predicted classes; expected 2 to "
            f"{len(called)}, of at least two classes"
        )
    turn = np.zeros(len(called), np.int64)
    for k in np.unique(called):
        turn[called == k] = np.arange((called == k).sum())
    return np.sort(np.lexsort((np.arange(len(called)), turn))[:m])


class Parts:
    """How much of an image's class is lost when only one part of it is kept, whichever carries most.

    Our own, of two ideas: STRIP (Gao et al. 2019, arXiv:1902.06531) asks whether a prediction survives other images,
    SentiNet (Chou et al. 2018, arXiv:1812.00292) pastes what seems to decide onto other images. Here every part of the
    image is pasted, in place, onto clean images that are called otherwise, and what counts is the mean probability
    of the image's own class there. A mark of a few pixels carries it; what makes an honest image what it is rarely fits
    into one part, and absence never does: a scan without a tumour cannot be pasted, while the sums of STRIP look like
    one. Triggers that are spread over the image, or larger than a part, are its blind side.
    """

    NAME = "parts"
    SOURCE = "this project, after Gao et al. 2019, arXiv:1902.06531, and Chou et al. 2018, arXiv:1812.00292"

    def __init__(self, predict: Predict, overlays: np.ndarray, called: np.ndarray, *, batch: int = 32) -> None:
        """Ask `predict` about pasted images.

        Args:
            predict: is asked.
            overlays: (m, C, H, W) float32 in [0, 1], clean images.
            called: (m,) whole numbers, the classes that they are predicted to be of.
            batch: images that are asked about at once, about; never fewer than the overlays.

        Raises:
            FeatureMismatch: the overlays are no images, or not as many as their classes.
        """
        if overlays.ndim != 4 or called.shape != overlays.shape[:1]:
            raise FeatureMismatch(f"overlays {overlays.shape}, classes {called.shape}; expected (m, C, H, W) and (m,)")
        self.predict = predict
        self.overlays = overlays
        self.called = called
        self.batch = batch
        self.windows = windows(*overlays.shape[2:])

    def wavering(self, x: np.ndarray, predicted: int) -> float:
        """One less the probability that the best part of x (C, H, W) keeps of this class on other images; in [0, 1].

        1 where no overlay is called otherwise; not a number where the classifier answers with none.

        Raises:
            FeatureMismatch: the image is not of the overlays' size.
        """
        if x.shape != self.overlays.shape[1:]:
            raise FeatureMismatch(f"an image {x.shape}, overlays {self.overlays.shape[1:]}; expected the same size")
        others = self.overlays[self.called != predicted]
        if not len(others):
            return 1.0
        at_once = max(1, self.batch // len(others))
        starts = range(0, len(self.windows), at_once)
        kept = np.concatenate([self._kept(others, x, predicted, self.windows[k : k + at_once]) for k in starts])
        return float(1 - kept.max())

    def _kept(self, others: np.ndarray, x: np.ndarray, predicted: int, parts: list[tuple[slice, slice]]) -> np.ndarray:
        """The mean probability (n,) of the class on the others (m, C, H, W), with each of these parts of x pasted."""
        pasted = np.repeat(others[None], len(parts), axis=0)  # (n, m, C, H, W)
        for place, (rows, columns) in zip(pasted, parts, strict=True):
            place[:, :, rows, columns] = x[:, rows, columns]
        told = self.predict(pasted.reshape(-1, *x.shape))[:, predicted]
        means: np.ndarray = told.astype(np.float64).reshape(len(parts), -1).mean(1)
        return means
