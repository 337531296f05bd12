"""How bright each tissue is: contrast-enhanced T1 and T2, with a scanner's spread."""

from collections.abc import Mapping
from enum import StrEnum

import numpy as np

from datasets.simulated.template import Field


class Tissue(StrEnum):
    """What a pixel can be made of."""

    AIR = "air"
    CSF = "csf"
    GREY = "grey"
    WHITE = "white"
    FAT = "fat"
    MUSCLE = "muscle"
    BONE = "bone"
    MARROW = "marrow"
    EYE = "eye"
    MUCOSA = "mucosa"
    VESSEL = "vessel"
    DURA = "dura"
    RIM = "rim"
    NECROSIS = "necrosis"
    INFILTRATE = "infiltrate"
    OEDEMA = "oedema"
    MENINGIOMA = "meningioma"
    ADENOMA = "adenoma"


Palette = Mapping[Tissue, float]

# Signal relative to the brightest tissue, set by eye against clinical slices: (T1 with contrast, T2).
_SIGNAL: dict[Tissue, tuple[float, float]] = {
    Tissue.AIR: (0.01, 0.01),
    Tissue.CSF: (0.11, 0.92),
    Tissue.GREY: (0.31, 0.56),
    Tissue.WHITE: (0.40, 0.38),
    Tissue.FAT: (0.80, 0.62),
    Tissue.MUSCLE: (0.36, 0.24),
    Tissue.BONE: (0.06, 0.05),
    Tissue.MARROW: (0.50, 0.42),
    Tissue.EYE: (0.15, 0.95),
    Tissue.MUCOSA: (0.58, 0.80),
    Tissue.VESSEL: (0.68, 0.08),
    Tissue.DURA: (0.42, 0.20),
    Tissue.RIM: (0.74, 0.58),
    Tissue.NECROSIS: (0.15, 0.90),
    Tissue.INFILTRATE: (0.15, 0.84),
    Tissue.OEDEMA: (0.20, 0.78),
    Tissue.MENINGIOMA: (0.66, 0.70),
    Tissue.ADENOMA: (0.62, 0.70),
}
T2_SHARE = 0.12
_SPREAD = 0.07


def random_palette(rng: np.random.Generator) -> Palette:
    """The signal of every tissue for one scan: T2 in `T2_SHARE` of the draws, else T1 with contrast."""
    weighting = int(rng.random() < T2_SHARE)
    spread = np.exp(rng.normal(0, _SPREAD, len(_SIGNAL)))
    return {
        tissue: signal[weighting] * float(factor)
        for (tissue, signal), factor in zip(_SIGNAL.items(), spread, strict=True)
    }


def paint(canvas: Field, weight: Field, signal: float) -> None:
    """Lay a tissue over the canvas, in place: `weight` in [0, 1] of what lies there becomes `signal`."""
    canvas += weight * (np.float32(signal) - canvas)
