"""What a scan went through before an attack and after it: the same for the images that are compared.

Scans of one archive share a trace, such as the grid of the JPEG that all of them came in. An attack breaks it, and a
detector that knows only such scans learns the break and not the attack: any other scanner's clean scan would look
attacked, and an attack on that scanner's would look like nothing new.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from datasets import benign

Change = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
"""(levels (H, W, C), bits, generator) to levels of the same shape and type."""

_BEFORE_SHARE = 0.5
_AFTER_SHARE = 0.25
# In levels of 8 bit: a change of a smaller root mean square is gone after JPEG and drowns in noise, and a scan without
# it is not attacked.
_LEAST_LEFT = 1.0
_EIGHT_BIT = 255.0


@dataclass(frozen=True)
class History:
    """What happened to a scan; None where nothing did."""

    before: Change | None = None
    after: Change | None = None

    def attacked(self, clean: np.ndarray, bits: int, perturbation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The scan of this history with what an attack added to it.

        Args:
            clean: (H, W, C) the levels that were attacked.
            bits: depth of the levels.
            perturbation: (H, W, C) what the attack added, in levels. It stays as it is on the scan that went through
                something before: it fits where the anatomy is, and so do its look and its size.
            rng: draws what a change leaves to chance.
        """
        moved = np.clip(self.seen(clean, bits, rng).astype(np.int64) + perturbation, 0, 2**bits - 1)
        return self.passed_on(moved.astype(clean.dtype), bits, rng)

    def seen(self, levels: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
        """The scan as an attacker would have met it."""
        return levels if self.before is None else self.before(levels, bits, rng)

    def passed_on(self, levels: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
        """The scan as it reaches the gate."""
        return levels if self.after is None else self.after(levels, bits, rng)


def draw_history(perturbation: np.ndarray, bits: int, rng: np.random.Generator) -> History:
    """A history by chance, in which nothing happens that would leave nothing of this perturbation.

    Gamma within 25 %, JPEG from 75 (after an attack from 80), resizing within 10 %, Gaussian noise of 0.5 to 1.5
    levels of 8 bit.
    """
    size = np.sqrt(np.mean(np.square(perturbation, dtype=np.float64))) * _EIGHT_BIT / (2**bits - 1)
    strong = bool(size >= _LEAST_LEFT)
    before = _draw_before(bits, rng, noise=strong) if rng.random() < _BEFORE_SHARE else None
    after = _draw_after(rng) if rng.random() < _AFTER_SHARE and strong else None
    return History(before, after)


def _draw_before(bits: int, rng: np.random.Generator, *, noise: bool) -> Change:
    kind = int(rng.integers(4 + noise))
    if kind < 2:
        return _fixed(benign.gamma, 2 ** rng.uniform(-0.32, 0.32))
    if kind == 2:
        return _fixed(benign.jpeg, int(rng.integers(75, 101)))
    if kind == 3:
        return _fixed(benign.small_resize, rng.uniform(0.9, 1.1))
    return _fixed(benign.gaussian_noise, rng.uniform(0.5, 1.5) * (2**bits - 1) / _EIGHT_BIT)


def _draw_after(rng: np.random.Generator) -> Change:
    if rng.random() < 2 / 3:
        return _fixed(benign.jpeg, int(rng.integers(80, 101)))
    return _fixed(benign.small_resize, rng.uniform(0.9, 1.1))


def _fixed(control: benign.Control, strength: float) -> Change:
    return partial(_changed, control, strength)


def _changed(
    control: benign.Control, strength: float, levels: np.ndarray, bits: int, rng: np.random.Generator
) -> np.ndarray:
    return control(levels, bits, strength, rng)
