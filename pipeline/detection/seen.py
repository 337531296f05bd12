"""Scans as detectors are shown them, measured by several methods in one look."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from datasets.progress import Progress
from detector.interface import Measured, Method, Seen, joined
from pipeline.detection.network import Scan, pixel_batches
from pipeline.models.adapter import PixelModel


@torch.no_grad()
def show(model: PixelModel, pixels: Tensor) -> Seen:
    """What a detector is shown of pixels (N, channels, height, width) of the classifier's own size, in [0, 1]."""
    layers, logits = model.layers_and_logits(pixels)
    return Seen(pixels, layers, logits, ask=model)


def measure_scans(
    methods: Mapping[str, Method],
    model: PixelModel,
    scans: Iterable[Scan],
    *,
    n: int,
    what: str,
    progress: Progress,
) -> dict[str, Measured]:
    """What each method measures of `n` scans, one or more, read once and one batch after the other."""
    batches: dict[str, list[Measured]] = {name: [] for name in methods}
    n_done = 0
    progress(0, n, what)
    for pixels in pixel_batches(scans, model.spec):
        seen = show(model, pixels)
        for name, method in methods.items():
            batches[name].append(method.measure(seen))
        n_done += len(pixels)
        progress(n_done, n, what)
    return {name: joined(some) for name, some in batches.items()}
