"""STRIP on triggered and on clean test images, before a threshold of images that somebody vouches for."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.store import Dataset
from detector.poisoned.strip import N_OVERLAYS, Strip, choose_overlays
from detector.poisoned.strip_rule import StripRule
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.shown import shown
from pipeline.poisoning.success import Share

RATE = 0.01


def strip_figures(
    model: PixelModel, clean: Dataset, recipe: BackdoorRecipe, trusted: np.ndarray, *, n: int, seed: int
) -> dict[str, Any]:
    """How many triggered images it holds of those that bring the target, how many clean ones, and its time.

    Args:
        model: the backdoored one.
        clean: its test images are tried, with the trigger and without.
        recipe: of the backdoor.
        trusted: items; `N_OVERLAYS` of them are laid over, the threshold is of the others.
        n: test images of each kind, at most.
        seed: of the overlays.
    """
    test = clean.indices("test")
    others = test[clean.labels[test] != recipe.target][:n]
    vouched = np.random.default_rng(seed).permutation(trusted)
    with model.frozen(), torch.no_grad():
        strip = Strip(model, choose_overlays(shown(model, clean, vouched[:N_OVERLAYS].tolist()), seed=seed))

        def seen(x: Tensor) -> tuple[np.ndarray, np.ndarray]:
            return strip.entropy(x).numpy(), model(x).argmax(1).numpy()

        known = seen(shown(model, clean, vouched[N_OVERLAYS:].tolist()))
        rule = StripRule.fit(*known, len(clean.classes))
        tau = rule.threshold(RATE)
        stamped = shown(model, clean, others.tolist(), trigger=recipe.trigger)
        stamped = stamped[model(stamped).argmax(1) == recipe.target]
        started = time.perf_counter()
        hits = rule.score(*seen(stamped)) > tau
        each_ms = 1000 * (time.perf_counter() - started) / max(1, len(stamped))
        alarms = rule.score(*seen(shown(model, clean, others.tolist()))) > tau
    return {
        "found": Share(int(hits.sum()), len(hits)).to_json(),
        "false_rejects": Share(int(alarms.sum()), len(alarms)).to_json(),
        "ms_an_image": each_ms,
    }
