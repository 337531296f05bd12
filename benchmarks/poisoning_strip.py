"""STRIP on triggered and on clean test images as a gate has it, by scans that taught the classifier nothing."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.progress import Progress
from datasets.store import Dataset
from detector.poisoned.parts import Parts, choose_for_parts
from detector.poisoned.strip import Strip, choose_overlays
from detector.poisoned.strip_rule import StripRule
from pipeline.gate.strip_choice import SUMS, WAYS, StripChoice
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.shown import shown
from pipeline.poisoning.success import Share

Wavering = Callable[[Tensor, np.ndarray], np.ndarray]

RATE = 0.01
_KNOWN = 2 / 3  # Of the test images: 1 % takes 300 beside the overlays.
_AT_ONCE = 50
_N_TIMED = 20


def strip_figures(
    model: PixelModel, clean: Dataset, recipe: BackdoorRecipe, *, n: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """By each way, how many triggered images are held of those that bring the target, how many clean ones, its time.

    Args:
        model: the backdoored one.
        clean: two thirds of its test images are what a gate is calibrated on, the others are tried, of all classes
            as they are and of the others than the target with the trigger.
        recipe: of the backdoor.
        n: test images of each kind, at most.
        seed: of the division and the overlays.
        progress: told as it goes.
    """
    with model.frozen(), torch.no_grad():
        choices = [StripChoice(by=by, rate=RATE, seed=seed) for by in WAYS]
        return {choice.by: _figures(model, clean, recipe, choice, n, progress) for choice in choices}


def _figures(
    model: PixelModel, clean: Dataset, recipe: BackdoorRecipe, choice: StripChoice, n: int, progress: Progress
) -> dict[str, Any]:
    test = np.random.default_rng(choice.seed).permutation(clean.indices("test"))
    known, tried = np.split(test, [round(_KNOWN * len(test))])
    others = tried[clean.labels[tried] != recipe.target]
    wavering = _by(model, shown(model, clean, known[: choice.n_drawn].tolist()), choice)

    def seen(items: np.ndarray, what: str, *, stamped: bool = False) -> tuple[np.ndarray, np.ndarray]:
        found, called = [], []
        for start in range(0, len(items), _AT_ONCE):
            progress(start, len(items), f"by {choice.by}, {what}")
            some = items[start : start + _AT_ONCE].tolist()
            x = shown(model, clean, some, trigger=recipe.trigger if stamped else None)
            called.append(model(x).argmax(1).numpy())
            found.append(wavering(x, called[-1]))
        return np.concatenate(found), np.concatenate(called)

    calibrating = seen(known[choice.n_drawn :], "clean images that calibrate")
    rule = StripRule.fit(*calibrating, len(clean.classes), by_class=choice.by_class)
    tau = rule.threshold(RATE)
    wavers, called = seen(others[:n], "triggered images", stamped=True)
    brought = called == recipe.target
    hits = rule.score(wavers[brought], called[brought]) > tau
    alarms = rule.score(*seen(tried[:n], "clean images")) > tau
    return {
        "found": Share(int(hits.sum()), len(hits)).to_json(),
        "false_rejects": Share(int(alarms.sum()), len(alarms)).to_json(),
        "ms_an_image": _each_ms(model, wavering, shown(model, clean, tried[:_N_TIMED].tolist())),
        "n_calibration": len(rule.calibration),
        "n_overlays": choice.m,
    }


def _by(model: PixelModel, drawn: Tensor, choice: StripChoice) -> Wavering:
    """How much answers for x (N, C, H, W) waver that are called some classes (N,), as a gate of this choice asks."""
    if choice.by == SUMS:
        strip = Strip(model, choose_overlays(drawn, choice.m, seed=choice.seed))
        return lambda x, _: strip.entropy(x).numpy()
    called = model(drawn).argmax(1).numpy()
    places = choose_for_parts(called, choice.m)
    parts = Parts(lambda x: model(torch.from_numpy(x)).softmax(1).numpy(), drawn.numpy()[places], called[places])
    return lambda x, predicted: np.array(
        [parts.wavering(one, int(k)) for one, k in zip(x.numpy(), predicted, strict=True)]
    )


def _each_ms(model: PixelModel, wavering: Wavering, x: Tensor) -> float:
    """The median of single images, one after the other, as they come to a gate, in processor time of all threads."""
    took = []
    for one in x.split(1):
        called = model(one).argmax(1).numpy()
        began = time.process_time()
        wavering(one, called)
        took.append(1000 * (time.process_time() - began))
    return float(np.median(took))
