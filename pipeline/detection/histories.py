"""What a scan went through before an attack and after it: the same for the images that are compared.

Scans of one archive share a trace, such as the grid of the JPEG that all of them came in. An attack breaks it, and a
detector that knows only such scans learns the break and not the attack: any other scanner's clean scan would look
attacked, and an attack on that scanner's would look like nothing new. The background does the same: an attack stands
out there as nowhere else, and one that leaves it alone, or a background that was taken away, would go unseen.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from datasets import benign

Change = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
"""(levels (H, W, C), bits, generator) to levels of the same shape and type."""

Mask = npt.NDArray[np.bool_]

_BEFORE_SHARE = 0.5
_AFTER_SHARE = 0.25
_HELD_SHARE = 0.2
_BLACK_SHARE = 0.2
# In levels of 8 bit: a change of a smaller root mean square is gone after JPEG and drowns in noise, and a scan without
# it is not attacked.
_LEAST_LEFT = 1.0
# Of an attack's squared change: with less of it inside the head, the scan is not attacked once the rest is gone.
_LEAST_INSIDE = 0.25
_EIGHT_BIT = 255.0


@dataclass(frozen=True)
class History:
    """What happened to a scan; None where nothing did.

    Attributes:
        before: what it went through when it was changed, by an attack or harmlessly.
        held: the change lies in the head alone.
        after: what the changed scan went through.
        black: in the end everything outside the head is 0.
    """

    before: Change | None = None
    held: bool = False
    after: Change | None = None
    black: bool = False

    def seen(self, levels: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
        """The scan as an attacker would have met it."""
        return levels if self.before is None else self.before(levels, bits, rng)

    def passed_on(
        self, changed: np.ndarray, seen: np.ndarray, bits: int, head: Mask | None, rng: np.random.Generator
    ) -> np.ndarray:
        """The scan as it reaches the gate.

        Args:
            changed: (H, W, C) what was made of it; `seen` where nothing was.
            seen: (H, W, C) the scan before that change.
            bits: depth of the levels.
            head: (H, W) of the scan; None where it has no background, so that all of it counts as head.
            rng: draws what a change leaves to chance.
        """
        if self.held and head is not None:
            changed = np.where(head[..., None], changed, seen)
        if self.after is not None:
            changed = self.after(changed, bits, rng)
        return changed * head[..., None].astype(changed.dtype) if self.black and head is not None else changed


def draw_history(perturbation: np.ndarray, bits: int, head: Mask | None, rng: np.random.Generator) -> History:
    """A history by chance, in which nothing happens that would leave nothing of this perturbation.

    Gamma within 25 %, JPEG from 75 (after an attack from 80), resizing within 10 %, Gaussian noise of 1/8 to 1.5 levels
    of 8 bit (after an attack up to 1). A fifth of the changes lie in the head alone, of another fifth nothing else is
    left.

    Args:
        perturbation: (H, W, C) in levels.
        bits: their depth.
        head: (H, W) of the scan that was attacked; None where it has no background.
        rng: draws everything.
    """
    size = np.sqrt(np.mean(np.square(perturbation, dtype=np.float64))) * _EIGHT_BIT / (2**bits - 1)
    strong = bool(size >= _LEAST_LEFT)
    before = _draw_before(bits, rng, noise=strong) if rng.random() < _BEFORE_SHARE else None
    after = _draw_after(bits, rng) if rng.random() < _AFTER_SHARE and strong else None
    place = rng.random() if _is_inside(perturbation, head) else 1.0
    held, black = place < _HELD_SHARE, _HELD_SHARE <= place < _HELD_SHARE + _BLACK_SHARE
    return History(before, held, after, black)


def _is_inside(perturbation: np.ndarray, head: Mask | None) -> bool:
    """Whether enough of an attack lies in the head for it to go without the rest."""
    if head is None:
        return False
    squared = np.square(perturbation, dtype=np.float64)
    return bool(squared[head].sum() >= _LEAST_INSIDE * squared.sum())


def _draw_before(bits: int, rng: np.random.Generator, *, noise: bool) -> Change:
    kind = int(rng.integers(5 + noise))
    if kind < 2:
        return _fixed(benign.gamma, 2 ** rng.uniform(-0.32, 0.32))
    if kind == 2:
        return _fixed(benign.jpeg, int(rng.integers(75, 101)))
    if kind == 3:
        return _fixed(benign.small_resize, rng.uniform(0.9, 1.1))
    sigma = 2 ** rng.uniform(-3, -1) if kind == 4 else rng.uniform(0.5, 1.5)
    return _fixed(benign.gaussian_noise, sigma * (2**bits - 1) / _EIGHT_BIT)


def _draw_after(bits: int, rng: np.random.Generator) -> Change:
    kind = int(rng.integers(4))
    if kind < 2:
        return _fixed(benign.jpeg, int(rng.integers(80, 101)))
    if kind == 2:
        return _fixed(benign.small_resize, rng.uniform(0.9, 1.1))
    return _fixed(benign.gaussian_noise, 2 ** rng.uniform(-3, 0) * (2**bits - 1) / _EIGHT_BIT)


def _fixed(control: benign.Control, strength: float) -> Change:
    return partial(_changed, control, strength)


def _changed(
    control: benign.Control, strength: float, levels: np.ndarray, bits: int, rng: np.random.Generator
) -> np.ndarray:
    return control(levels, bits, strength, rng)
