"""Signs that a robust accuracy cannot be trusted, after the checks of AutoAttack and of Carlini et al."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.forward_watch import watched_forward
from pipeline.attacks.losses import LOSSES
from pipeline.attacks.slopes import slope_of
from pipeline.models.adapter import PixelModel

# Two forward passes that differ by more than this are not one function; arithmetic alone stays far below.
SAME = 1e-4
# By how much probabilities of float32 may miss a sum of 1.
SUM_SLACK = 1e-4
# Square asks for logits only: what it finds beyond this share, a white box should have found.
SQUARE_GAIN = 0.002


@dataclass(frozen=True, kw_only=True)
class ModelSigns:
    """What a classifier shows on some clean images."""

    n: int = 0
    random: bool = False
    probabilities: bool = True
    optimises: bool = False
    n_zero_gradient: int = 0
    n_nan: int = 0

    def and_of(self, other: "ModelSigns") -> "ModelSigns":
        """What it shows on these images and others."""
        return ModelSigns(
            n=self.n + other.n,
            random=self.random or other.random,
            probabilities=self.probabilities and other.probabilities,
            optimises=self.optimises or other.optimises,
            n_zero_gradient=self.n_zero_gradient + other.n_zero_gradient,
            n_nan=self.n_nan + other.n_nan,
        )


def signs(model: PixelModel, x: Tensor, y: Tensor) -> ModelSigns:
    """Look at a classifier, inside `model.frozen()`, on one batch (N, C, H, W) in [0, 1]."""
    # Both ways, since a model may optimise only where it is asked for a slope, or only where it is not.
    with torch.no_grad(), watched_forward() as asked:
        logits, again = model(x), model(x)
    with torch.enable_grad():
        here = x.detach().requires_grad_()
        with watched_forward() as sloped:
            climbed = model(here)
        gradient = slope_of(LOSSES["ce"](climbed, y, None), here)
    finite = logits.isfinite().all(1)
    shares = (logits >= 0).all() & ((logits.sum(1) - 1).abs() <= SUM_SLACK).all()
    return ModelSigns(
        n=len(x),
        random=bool(((logits - again)[finite].abs() > SAME).any()),
        probabilities=bool(shares),
        optimises=asked.optimises or sloped.optimises,
        n_zero_gradient=int((gradient.flatten(1) == 0).all(1).sum()),
        n_nan=int((~finite).sum()),
    )


def flags(seen: ModelSigns, *, n_nan: int, n_square: int) -> tuple[str, ...]:
    """A sentence for each sign, none where all is well.

    Args:
        seen: of all images.
        n_nan: images with logits that were no finite numbers, clean or attacked.
        n_square: images that only Square fooled.
    """
    n = seen.n
    found = {
        "the model is random: two forward passes differ; average over its randomness instead": seen.random,
        "the outputs look like probabilities, not logits: name the head of the classifier": seen.probabilities,
        "the model optimises in its forward pass: its gradient is not that of what it does; attack it adaptively": (
            seen.optimises
        ),
        f"{seen.n_zero_gradient} of {n} images have a gradient of exactly zero; the margin was climbed instead": (
            seen.n_zero_gradient > 0
        ),
        f"{n_nan} of {n} images gave logits that are no finite numbers, which never count as fooled": (n_nan > 0),
        f"Square fooled {n_square} of {n} images that the white box did not: gradients may be masked": (
            n_square > SQUARE_GAIN * n
        ),
    }
    return tuple(sentence for sentence, true in found.items() if true)
