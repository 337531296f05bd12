"""STRIP on triggered and on clean test images as a gate has it, by scans that taught the classifier nothing."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.progress import Progress, called
from datasets.store import Dataset
from detector.poisoned.parts import Parts, choose_for_parts
from detector.poisoned.strip import Strip, choose_overlays
from detector.poisoned.strip_rule import StripRule
from pipeline.gate.strip_choice import SUMS, WAYS, StripChoice
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.shown import shown
from pipeline.poisoning.success import Share
from pipeline.poisoning.triggers import Trigger

Json = dict[str, Any]
Wavering = Callable[[Tensor, np.ndarray], np.ndarray]

RATE = 0.01
_KNOWN = 2 / 3  # Of the test images: 1 % takes 300 beside the overlays.
_AT_ONCE = 50
_N_TIMED = 20


def strip_figures(
    model: PixelModel, clean: Dataset, recipe: BackdoorRecipe, *, n: int, seed: int, progress: Progress
) -> Json:
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
        return {by: _figures(_Gate.of(model, clean, by, seed, progress), recipe, n) for by in WAYS}


def strip_alarms(model: PixelModel, clean: Dataset, *, n: int, seed: int, progress: Progress) -> Json:
    """By each way, how many of n clean images are held where the classifier learned from the data unpoisoned."""
    with model.frozen(), torch.no_grad():
        return {by: {"false_rejects": _Gate.of(model, clean, by, seed, progress).alarms(n)} for by in WAYS}


@dataclass(frozen=True)
class _Gate:
    """STRIP as calibrated at a release, and the test images that it did not see there."""

    model: PixelModel
    clean: Dataset
    choice: StripChoice
    wavering: Wavering
    rule: StripRule
    tau: float
    tried: np.ndarray
    progress: Progress

    @classmethod
    def of(cls, model: PixelModel, clean: Dataset, by: str, seed: int, progress: Progress) -> "_Gate":
        choice = StripChoice(by=by, rate=RATE, seed=seed)
        test = np.random.default_rng(seed).permutation(clean.indices("test"))
        known, tried = np.split(test, [round(_KNOWN * len(test))])
        wavering = _by(model, shown(model, clean, known[: choice.n_drawn].tolist()), choice)
        calibrating = _seen(model, clean, known[choice.n_drawn :], wavering, called(progress, f"by {by}, calibration"))
        rule = StripRule.fit(*calibrating, len(clean.classes), by_class=choice.by_class)
        return cls(model, clean, choice, wavering, rule, rule.threshold(RATE), tried, progress)

    def held(self, items: np.ndarray, what: str, trigger: Trigger | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Which of the items are held, and what they are called, (N,) each."""
        told = called(self.progress, f"by {self.choice.by}, {what}")
        wavers, classes = _seen(self.model, self.clean, items, self.wavering, told, trigger)
        return self.rule.score(wavers, classes) > self.tau, classes

    def alarms(self, n: int) -> Json:
        """The share of n clean images that is held."""
        held, _ = self.held(self.tried[:n], "clean images")
        return Share(int(held.sum()), len(held)).to_json()


def _figures(gate: _Gate, recipe: BackdoorRecipe, n: int) -> Json:
    others = gate.tried[gate.clean.labels[gate.tried] != recipe.target]
    held, classes = gate.held(others[:n], "triggered images", recipe.trigger)
    hits = held[classes == recipe.target]
    timed = shown(gate.model, gate.clean, gate.tried[:_N_TIMED].tolist())
    return {
        "found": Share(int(hits.sum()), len(hits)).to_json(),
        "false_rejects": gate.alarms(n),
        "ms_an_image": _each_ms(gate.model, gate.wavering, timed),
        "n_calibration": len(gate.rule.calibration),
        "n_overlays": gate.choice.m,
    }


def _seen(
    model: PixelModel,
    clean: Dataset,
    items: np.ndarray,
    wavering: Wavering,
    progress: Progress,
    trigger: Trigger | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """How much the answers for some items waver, and what they are called, (N,) each."""
    found, classes = [], []
    for start in range(0, len(items), _AT_ONCE):
        progress(start, len(items), "images")
        x = shown(model, clean, items[start : start + _AT_ONCE].tolist(), trigger=trigger)
        classes.append(model(x).argmax(1).numpy())
        found.append(wavering(x, classes[-1]))
    return np.concatenate(found), np.concatenate(classes)


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
