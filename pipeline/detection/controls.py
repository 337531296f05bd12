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
    return with_perturbation(levels, bits, drawn.reshape(levels.shape))


def with_perturbation(levels: np.ndarray, bits: int, perturbation: np.ndarray) -> np.ndarray:
    """The scan with what an attack added to a scan, every change in its place, within the box.

    On a scan that was not attacked it keeps the attack's look and has no aim: `scattered` keeps how large the changes
    are, this also how they lie.

    Args:
        levels: (H, W, C).
        bits: depth of the levels.
        perturbation: in levels of the same depth, (H, W, C).
    """
    moved: np.ndarray = np.clip(levels.astype(np.int64) + perturbation, 0, 2**bits - 1)
    return moved.astype(levels.dtype)


def draw_harmless(
    levels: np.ndarray, bits: int, perturbation: np.ndarray, linf: float, rng: np.random.Generator
) -> np.ndarray:
    """One harmlessly changed scan; half of the draws have an attack's own norm.

    Ranges after detection.md's list of what scans go through: JPEG 75 to 100, noise of 0.5 to 4 levels of
    8 bit, gamma within 25 %, resizing within 10 %. Noise is drawn evenly in its logarithm: noise of about one
    level is what a detector takes for an attack longest.

    Args:
        levels: (H, W, C) of a clean scan.
        bits: depth of the levels.
        perturbation: of the attack to be matched, in levels.
        linf: the largest of its changes, in pixel fractions.
        rng: draws everything.
    """
    scale = (2**bits - 1) / _EIGHT_BIT
    kind = int(rng.integers(12))
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
        return benign.small_resize(levels, bits, rng.uniform(0.9, 1.1), rng)
    # Oftener than the rest: the steps that it spreads over the dark look like an attack's longest.
    return benign.gamma(levels, bits, 2 ** rng.uniform(-0.32, 0.32), rng)


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
"""What a detector's false alarms are counted on while it is trained, on held-out scans."""

NOISE_LEVELS = (1, 2, 4, 8)
"""In 1/255: the radii at which attacks are compared with noise of their own norm."""

_NOISES = {"sign": "sign_noise", "uniform": "uniform_noise", "Gaussian": "gaussian_noise"}

EQUAL_NORM: dict[tuple[str, int], Control] = {
    (noise, k): _fixed(kind, k, in_grey_levels=True) for noise, kind in _NOISES.items() for k in NOISE_LEVELS
}
"""By noise and level. Sign and uniform noise have the Linf norm of an attack of that radius, Gaussian noise the L2 norm
of one that moves every pixel that far."""


def noise_name(noise: str, level: int) -> str:
    """What a report calls one of `EQUAL_NORM`."""
    return f"{noise} noise {level}/255"


REPORTED_CONTROLS: dict[str, Control] = {
    **{noise_name(noise, k): control for (noise, k), control in EQUAL_NORM.items()},
    "Rician noise 2/255": _fixed("rician_noise", 2, in_grey_levels=True),
    **{f"JPEG {quality}": _fixed("jpeg", quality) for quality in (95, 90, 75)},
    **{f"gamma {exponent:g}": _fixed("gamma", exponent) for exponent in (0.9, 1.1)},
    **{f"resize {factor:g}": _fixed("small_resize", factor) for factor in (0.9, 0.95, 1.1)},
}
"""What a detector's false alarms are counted on in its report."""

AFTER_ATTACK: dict[str, Control] = {
    name: REPORTED_CONTROLS[name] for name in ("JPEG 90", "JPEG 75", "resize 0.9", "resize 0.95", "resize 1.1")
}
"""What an attacked scan may go through before it reaches the gate."""
