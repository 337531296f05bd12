"""STRIP on triggered and on clean test images as a gate has it, by scans that taught the classifier nothing."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.progress import Progress
from datasets.store import Dataset
from detector.poisoned.strip import Strip, choose_overlays
from detector.poisoned.strip_rule import StripRule
from pipeline.gate.strip_choice import N_OVERLAYS
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.shown import shown
from pipeline.poisoning.success import Share

RATE = 0.01
_KNOWN = 2 / 3  # Of the test images: 1 % takes 300 beside the overlays.
_AT_ONCE = 50
_N_TIMED = 20


def strip_figures(
    model: PixelModel, clean: Dataset, recipe: BackdoorRecipe, *, n: int, seed: int, progress: Progress
) -> dict[str, Any]:
    """How many triggered images it holds of those that bring the target, how many clean ones, and its time.

    Args:
        model: the backdoored one.
        clean: two thirds of its test images are what a gate is calibrated on, the others are tried, of all classes
            as they are and of the others than the target with the trigger.
        recipe: of the backdoor.
        n: test images of each kind, at most.
        seed: of the division and the overlays.
        progress: told as it goes.
    """
    test = np.random.default_rng(seed).permutation(clean.indices("test"))
    known, tried = np.split(test, [round(_KNOWN * len(test))])
    others = tried[clean.labels[tried] != recipe.target]
    with model.frozen(), torch.no_grad():
        strip = Strip(model, choose_overlays(shown(model, clean, known[:N_OVERLAYS].tolist()), N_OVERLAYS, seed=seed))

        def seen(items: np.ndarray, what: str, *, stamped: bool = False) -> tuple[np.ndarray, np.ndarray]:
            found = []
            for start in range(0, len(items), _AT_ONCE):
                progress(start, len(items), what)
                some = items[start : start + _AT_ONCE].tolist()
                x = shown(model, clean, some, trigger=recipe.trigger if stamped else None)
                found.append((strip.entropy(x).numpy(), model(x).argmax(1).numpy()))
            return np.concatenate([e for e, _ in found]), np.concatenate([k for _, k in found])

        rule = StripRule.fit(*seen(known[N_OVERLAYS:], "clean images that calibrate"), len(clean.classes))
        tau = rule.threshold(RATE)
        entropy, called = seen(others[:n], "triggered images", stamped=True)
        brought = called == recipe.target
        hits = rule.score(entropy[brought], called[brought]) > tau
        alarms = rule.score(*seen(tried[:n], "clean images")) > tau
        each_ms = _each_ms(strip, shown(model, clean, tried[:_N_TIMED].tolist()))
    return {
        "found": Share(int(hits.sum()), len(hits)).to_json(),
        "false_rejects": Share(int(alarms.sum()), len(alarms)).to_json(),
        "ms_an_image": each_ms,
        "n_calibration": len(rule.calibration),
        "n_overlays": N_OVERLAYS,
    }


def _each_ms(strip: Strip, x: Tensor) -> float:
    """The median of single images, one after the other, as they come to a gate."""
    took = []
    for one in x.split(1):
        began = time.perf_counter()
        strip.entropy(one)
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))
