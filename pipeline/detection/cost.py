"""What a detector adds to the time of one scan, on one thread."""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from datasets.progress import Progress
from detector.interface import Method
from pipeline.detection.seen import show
from pipeline.models.adapter import PixelModel

_WARM_UP = 3


@dataclass(frozen=True)
class Cost:
    """Medians in milliseconds of one scan at a time, not compiled: the time of the one thread, whatever else runs.

    Attributes:
        classifier_ms: from pixels to logits.
        shown_ms: the same pass, with the stages pooled on the way.
        methods_ms: by method, what its score takes after that pass.
    """

    classifier_ms: float
    shown_ms: float
    methods_ms: dict[str, float]


def measure_cost(
    methods: Mapping[str, Method], model: PixelModel, scans: Sequence[Tensor], *, progress: Progress
) -> Cost:
    """Time fitted methods on `scans`, each (1, channels, height, width), more than `_WARM_UP` of them."""

    def timed(act: Callable[[Tensor], object], k: int, what: str) -> float:
        progress(k, len(methods) + 2, f"timing {what}")
        return _median_ms(act, scans)

    with _one_thread(), torch.inference_mode():
        seen = {id(pixels): show(model, pixels) for pixels in scans}
        classifier = timed(model, 0, "the classifier")
        shown = timed(lambda pixels: show(model, pixels), 1, "the classifier with its stages")
        by_method = {
            # Bound at once: the name would be looked up only when the loop is over.
            name: timed(lambda pixels, method=method: method.score(seen[id(pixels)]), k, name)  # type: ignore[misc]
            for k, (name, method) in enumerate(methods.items(), 2)
        }
    return Cost(classifier, shown, by_method)


def _median_ms(act: Callable[[Tensor], object], scans: Sequence[Tensor]) -> float:
    taken = []
    for pixels in scans:
        began = time.thread_time()
        act(pixels)
        taken.append(time.thread_time() - began)
    return 1000 * statistics.median(taken[_WARM_UP:] or taken)


@contextmanager
def _one_thread() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
