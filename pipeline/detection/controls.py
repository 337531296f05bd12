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
    """One harmlessly changed scan; nearly half of the draws have an attack's own norm.

    JPEG 75 to 100, noise of 1/8 to 4 levels of 8 bit, single levels of 0.1 to 35 % of the pixels, gamma within 25 %, of
    it half with faint noise after it, resizing within 10 %. Noise is drawn evenly in its logarithm: with none below
    half a level, the few pixels that fainter noise moves are taken for an attack.

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
        return benign.gaussian_noise(levels, bits, scale * 2 ** rng.uniform(-3, 2), rng)
    if kind == 7:
        return benign.rician_noise(levels, bits, scale * 2 ** rng.uniform(-3, 2), rng)
    if kind == 8:
        return benign.small_resize(levels, bits, rng.uniform(0.9, 1.1), rng)
    if kind == 9:
        return benign.specks(levels, bits, 2 ** rng.uniform(-10, -1.5), rng)
    brighter = benign.gamma(levels, bits, 2 ** rng.uniform(-0.32, 0.32), rng)
    return benign.gaussian_noise(brighter, bits, scale * 2 ** rng.uniform(-3, 0), rng) if kind == 10 else brighter


def _fixed(kind: str, strength: float, *, in_grey_levels: bool = False) -> Control:
    """A control at one strength; one in grey levels is of 8 bit and scaled to the depth of the scan."""

    def control(levels: np.ndarray, bits: int, rng: np.random.Generator) -> np.ndarray:
        scale = (2**bits - 1) / _EIGHT_BIT if in_grey_levels else 1.0
        return benign.CONTROLS[kind](levels, bits, strength * scale, rng)

    return control


def _then(first: Control, second: Control) -> Control:
    """One control after the other."""
    return lambda levels, bits, rng: second(first(levels, bits, rng), bits, rng)


STANDARD_CONTROLS: dict[str, Control] = {
    **{f"sign noise {k}/255": _fixed("sign_noise", k, in_grey_levels=True) for k in (1, 2, 4, 8)},
    **{f"Gaussian noise {s:g}/255": _fixed("gaussian_noise", s, in_grey_levels=True) for s in (0.3, 1, 2, 4)},
    "Rician noise 2/255": _fixed("rician_noise", 2, in_grey_levels=True),
    "specks 2 %": _fixed("specks", 0.02),
    "JPEG 95": _fixed("jpeg", 95),
    "JPEG 75": _fixed("jpeg", 75),
    "gamma 0.9": _fixed("gamma", 0.9),
    "gamma 1.1": _fixed("gamma", 1.1),
    "gamma 0.9, then Gaussian noise 0.3/255": _then(
        _fixed("gamma", 0.9), _fixed("gaussian_noise", 0.3, in_grey_levels=True)
    ),
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


FAINT: dict[str, Control] = {
    "Gaussian noise 0.25/255": _fixed("gaussian_noise", 0.25, in_grey_levels=True),
    "Gaussian noise 0.5/255": _fixed("gaussian_noise", 0.5, in_grey_levels=True),
    "specks 1 %": _fixed("specks", 0.01),
    "specks 5 %": _fixed("specks", 0.05),
}
"""Noise that moves a part of the pixels by a level, and the rest not at all."""

MIXED: dict[str, Control] = {
    "gamma 0.9, then specks 1 %": _then(_fixed("gamma", 0.9), FAINT["specks 1 %"]),
    "gamma 0.9, then Gaussian noise 0.25/255": _then(_fixed("gamma", 0.9), FAINT["Gaussian noise 0.25/255"]),
    "Gaussian noise 0.5/255, then gamma 0.9": _then(FAINT["Gaussian noise 0.5/255"], _fixed("gamma", 0.9)),
}
"""Two changes, one after the other: a detector that undoes the one alone is found out."""

REPORTED_CONTROLS: dict[str, Control] = {
    **{noise_name(noise, k): control for (noise, k), control in EQUAL_NORM.items()},
    "Rician noise 2/255": _fixed("rician_noise", 2, in_grey_levels=True),
    **FAINT,
    **{f"JPEG {quality}": _fixed("jpeg", quality) for quality in (95, 90, 75)},
    **{f"gamma {exponent:g}": _fixed("gamma", exponent) for exponent in (0.9, 1.1)},
    **MIXED,
    **{f"resize {factor:g}": _fixed("small_resize", factor) for factor in (0.9, 0.95, 1.1)},
}
"""What a detector's false alarms are counted on in its report."""

AFTER_ATTACK: dict[str, Control] = {
    name: REPORTED_CONTROLS[name] for name in ("JPEG 90", "JPEG 75", "resize 0.9", "resize 0.95", "resize 1.1")
}
"""What an attacked scan may go through before it reaches the gate."""
