"""What the contract of attacks is tried with: each registered attack at a radius that fools small models."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import Norm
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.universal import Universal
from pipeline.attacks.universal_fit import fit_universal
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import trained_model

RADIUS = {Norm.LINF: 16 / 255, Norm.L2: 1.5}
# Enough for models of 64 pixels, where the attack's own number would only take time.
FEWER = {name: {"steps": 40} for name in ("apgd", "apgd_l2", "apgd_t")}
FEWER |= {name: {"n_queries": 500} for name in ("square", "square_l2")}


def attack_of(name: str, model: PixelModel | None = None, x: Tensor | None = None, **goal: object) -> Attack:
    """The attack at a radius that fools the small models, the unbounded one without a radius.

    One that is fitted beforehand is fitted to the given model and images, or to the trained model and its images.
    """
    attack = ATTACKS[name]
    if attack is Universal:
        return universal() if model is None or x is None else universal_on(model, x, **goal)
    return create(name, FEWER.get(name, {}) | ({"eps": RADIUS[attack.NORM]} if attack.BOUNDED else {}))


@lru_cache(maxsize=1)
def universal() -> Attack:
    model, x, _ = trained_model()
    return universal_on(model, x)


def universal_on(
    model: PixelModel, x: Tensor, *, eps: float = RADIUS[Norm.LINF], target: Tensor | None = None
) -> Attack:
    # Of 16 bits, since rounding to 8 gives some of these images another class.
    levels = (x * 65535).round().to(torch.int32).permute(0, 2, 3, 1).numpy().astype(np.uint16)
    with model.frozen():
        y = model(x).argmax(1).numpy()
    goal = None if target is None else target.numpy()
    return fit_universal(model, levels, 16, y, eps=eps, steps=40, seed=0, target=goal).attack


def meant_for(name: str, y: Tensor) -> Tensor:
    """Which images an attack can fool all at once: one perturbation moves all classes of a linear model alike."""
    return y == y.mode().values if ATTACKS[name] is Universal else torch.ones_like(y, dtype=torch.bool)


def radii(name: str, n: int) -> Tensor:
    return torch.linspace(0, RADIUS[ATTACKS[name].NORM], n)


def size(name: str, delta: Tensor) -> Tensor:
    return delta.flatten(1).abs().amax(1) if ATTACKS[name].NORM is Norm.LINF else l2_norm(delta)


def trained_on_right() -> tuple[PixelModel, Tensor, Tensor]:
    """The trained model and twelve images that it has right."""
    model, x, y = trained_model()
    model.eval()
    right = model(x).argmax(1) == y
    return model, x[right][:12], y[right][:12]


def to_levels(x: Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
