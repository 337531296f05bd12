"""How much an answer wavers under overlays, from a gate's own graph in ONNX Runtime: by sums, or by parts."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnxruntime
from scipy.special import entr

from detector.poisoned.parts import Parts, Predict
from pipeline.gate.decision import StripFinding
from pipeline.gate.graph import ANSWERED, INPUT, open_answering
from pipeline.gate.overlays import load_overlays
from pipeline.gate.strip import StripPoint
from pipeline.models.spec import ClassifierSpec

_BATCH = 32


@dataclass(frozen=True)
class OpenStrip:
    """STRIP in memory, ready to be asked; threads may share it."""

    point: StripPoint
    overlays: np.ndarray = field(repr=False)  # (m, C, H, W) float32 in [0, 1]
    answering: onnxruntime.InferenceSession

    def look(self, pixels: np.ndarray, predicted: int) -> StripFinding:
        """What it says of the pixels (C, H, W) in [0, 1] that the classifier sees, and calls this class."""
        wavers = wavering(self.answering, self.overlays, self.point.called)
        return self.point.finding(wavers(pixels, predicted), predicted)


def wavering(
    answering: onnxruntime.InferenceSession, overlays: np.ndarray, called: tuple[int, ...]
) -> Callable[[np.ndarray, int], float]:
    """How much the answer for pixels (C, H, W) in [0, 1] that are called a class wavers, to be asked.

    Args:
        answering: the part of a gate's graph that gives probabilities.
        overlays: (m, C, H, W) in [0, 1].
        called: their classes, where parts are pasted onto them; none where they are added.
    """
    if not called:
        return lambda pixels, _: mean_entropy(answering, overlays, pixels)
    return Parts(answers_of(answering), overlays, np.array(called), batch=_BATCH).wavering


def answers_of(answering: onnxruntime.InferenceSession) -> Predict:
    """The part of a gate's graph that gives probabilities, to be asked about pixels (B, C, H, W)."""

    def told(pixels: np.ndarray) -> np.ndarray:
        (probs,) = answering.run(list(ANSWERED), {INPUT: pixels})
        return np.asarray(probs)

    return told


def mean_entropy(answering: onnxruntime.InferenceSession, overlays: np.ndarray, pixels: np.ndarray) -> float:
    """The mean entropy, in bits, of the classifier's answers for one image under each overlay.

    The overlays are added and the sum is cut at white: Gao et al. 2019, arXiv:1902.06531, as `Strip` does it.

    Args:
        answering: the part of a gate's graph that gives probabilities.
        overlays: (m, C, H, W) in [0, 1].
        pixels: (C, H, W) in [0, 1].
    """
    total = 0.0
    for start in range(0, len(overlays), _BATCH):
        blends = np.clip(pixels[None] + overlays[start : start + _BATCH], 0, 1)
        (probs,) = answering.run(list(ANSWERED), {INPUT: blends})
        total += float(entr(probs.astype(np.float64)).sum())
    return total / len(overlays) / math.log(2)


def open_strip(graph: Path, point: StripPoint, spec: ClassifierSpec, *, n_threads: int) -> OpenStrip:
    """STRIP of a gate, ready to be asked, from its graph and the overlays that lie beside it.

    Raises:
        BadGate: one of the two cannot be read.
    """
    overlays = load_overlays(graph.parent, point, spec)
    return OpenStrip(point, overlays, open_answering(graph, n_threads=n_threads))
