"""Harmless changes that a detector must not take for attacks: drawn for training, fixed for judging."""

from collections.abc import Callable

import numpy as np

from datasets import benign

Control = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
"""(levels (H, W, C), bits, generator) to levels of the same shape and type."""

_EIGHT_BIT = 255.0


def scattered(levels: np.ndarray, bits: int, perturbation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The scan under an attack's changes at random places: equal norms and share of zeros, no aim.

    Args:
        levels: (H, W, C).
        bits: depth of the levels.
        perturbation: what an attack added to a scan, in levels; of any shape.
        rng: says where each change goes.
    """
    changes = perturbation.ravel()
    drawn = rng.permutation(changes) if changes.size == levels.size else rng.choice(changes, levels.size)
    moved: np.ndarray = np.clip(levels.astype(np.int64) + drawn.reshape(levels.shape), 0, 2**bits - 1)
    return moved.astype(levels.dtype)


def draw_harmless(
    levels: np.ndarray, bits: int, perturbation: np.ndarray, linf: float, rng: np.random.Generator
) -> np.ndarray:
    """One harmlessly changed scan; half of the draws have an attack's own norm.

    Ranges after detection.md's list of what scans go through: JPEG 75 to 100, noise of 0.5 to 4 levels of
    8 bit, gamma within 15 %, resizing within 10 %. Noise is drawn evenly in its logarithm: noise of about one
    level is what a detector takes for an attack longest.

    Args:
        levels: (H, W, C) of a clean scan.
        bits: depth of the levels.
        perturbation: of the attack to be matched, in levels.
        linf: the largest of its changes, in pixel fractions.
        rng: draws everything.
    """
    scale = (2**bits - 1) / _EIGHT_BIT
    kind = int(rng.integers(10))
    if kind < 3:
        return scattered(levels, bits, perturbation, rng)
    if kind < 5:
        return benign.sign_noise(levels, bits, max(1, round(linf * (2**bits - 1))), rng)
    if kind == 5:
        return benign.jpeg(levels, bits, int(rng.integers(75, 101)), rng)
    if kind == 6:
        return benign.gaussian_noise(levels, bits, scale * 2 ** rng.uniform(-1, 2), rng)
    if kind == 7:
        return benign.rician_noise(levels, bits, scale * 2 ** rng.uniform(-1, 2), rng)
    if kind == 8:
        return benign.gamma(levels, bits, rng.uniform(0.85, 1.15), rng)
    return benign.small_resize(levels, bits, rng.uniform(0.9, 1.1), rng)


def _fixed(kind: str, strength: float, *, in_grey_levels: bool = False) -> Control:
    """A control at one strength; one in grey levels is of 8 bit and scaled to the depth of the scan."""

    def control(levels: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
        scale = (2**bits - 1) / _EIGHT_BIT if in_grey_levels else 1.0
        return benign.CONTROLS[kind](levels, bits, strength * scale, rng)

    return control


STANDARD_CONTROLS: dict[str, Control] = {
    **{f"sign noise {k}/255": _fixed("sign_noise", k, in_grey_levels=True) for k in (1, 2, 4, 8)},
    **{f"Gaussian noise {s}/255": _fixed("gaussian_noise", s, in_grey_levels=True) for s in (1, 2, 4)},
    "Rician noise 2/255": _fixed("rician_noise", 2, in_grey_levels=True),
    "JPEG 95": _fixed("jpeg", 95),
    "JPEG 75": _fixed("jpeg", 75),
    "gamma 0.9": _fixed("gamma", 0.9),
    "gamma 1.1": _fixed("gamma", 1.1),
    "resize 0.95": _fixed("small_resize", 0.95),
}
"""What a detector's false alarms are counted on, in training (held out) and in its report."""
