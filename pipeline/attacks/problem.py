"""One batch under attack: the model, the images, the goal and the bounds."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import BF16
from pipeline.attacks.budget import LOSSES as CLASSES_FOR
from pipeline.attacks.losses import LOSSES, margin
from pipeline.attacks.projections import per_image
from pipeline.attacks.slopes import slope_of
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from pipeline.models.precision import lowered

# The square of a smaller slope is no normal number of single precision any more, and neither is its length.
FAINT = 1e-18


@dataclass(frozen=True, eq=False)
class Problem:
    """A checked batch; made by `pose`, inside `model.frozen()`."""

    model: PixelModel
    x: Tensor  # (N, C, H, W)
    y: Tensor  # (N,)
    target: Tensor | None  # (N,)
    eps: Tensor  # (N,), infinite for an attack without a radius
    free: Tensor  # (N, C, H, W) bool: the pixels that may change
    layout: torch.memory_format = torch.channels_last  # Of x, and of points at which gradients are taken
    loss: str = "ce"
    guide: PixelModel | None = None  # Takes the model's place for gradients alone, and may be less exact
    some_fixed: bool = True  # False where every pixel of every image may change, so that nothing needs putting back

    def part(self, rows: Tensor) -> "Problem":
        """The problem of some of the images."""
        target = None if self.target is None else self.target[rows]
        return replace(self, x=self.x[rows], y=self.y[rows], target=target, eps=self.eps[rows], free=self.free[rows])

    def confined(self, x_adv: Tensor) -> Tensor:
        """The same with every pixel that may not change as it was, to the bit; `x_adv` itself where all may."""
        if not self.some_fixed:
            return x_adv
        return torch.where(self.free & per_image(self.eps > 0), x_adv, self.x)

    def won_by(self, logits: Tensor) -> Tensor:
        """The margin of the attack (N,); above 0 is success, NaN is none."""
        return margin(logits, self.y, self.target)

    @torch.no_grad()
    def fooled(self, x_adv: Tensor) -> Tensor:
        """Where the model is fooled: (N,) bool."""
        return self.won_by(self.model(x_adv)) > 0

    @torch.no_grad()
    def own_logits(self, x_adv: Tensor, seen: Tensor) -> Tensor:
        """The model's own logits (N, K): those that the gradient came with, unless a guide gave them."""
        return seen if self.guide is None else self.model(x_adv)

    def gradient(self, x_adv: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The uphill direction at `x_adv`, already clipped there, on the pixels that may change.

        A very sure model has a cross entropy whose gradient is 0, or so small that its length
        is: squares of it vanish in single precision. Such images are tried again with the
        margin, which does not saturate.

        Returns:
            gradient (N, C, H, W), logits (N, K) and masked (N,): no loss has a slope here.
        """
        gradient, logits = self._slope(x_adv, self.loss)
        # The one question a step: a slope that is neither faint nor NaN nor infinite needs no second look.
        if all(FAINT <= steepest < math.inf for steepest in _steepest(gradient).tolist()):
            return gradient, logits, torch.zeros_like(self.y, dtype=torch.bool)
        gradient = gradient.nan_to_num(0, 0, 0)
        faint = _steepest(gradient) < FAINT
        if faint.any():
            rows = faint.nonzero().squeeze(1)
            gradient[rows] = self.part(rows)._slope(x_adv[rows], "margin")[0].nan_to_num(0, 0, 0)
        return gradient, logits, _steepest(gradient) == 0

    def no_slope(self) -> Tensor:
        """Where not even the margin has a slope at the clean image: (N,) bool."""
        return _steepest(self._slope(self.x, "margin")[0].nan_to_num(0, 0, 0)) == 0

    def _slope(self, x_adv: Tensor, loss: str) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            here = x_adv.detach().requires_grad_()
            logits = (self.guide or self.model)(here)
            climbed = LOSSES[loss](logits, self.y, self.target)
            gradient = slope_of(climbed, here)
        if self.some_fixed:
            gradient = torch.where(self.free, gradient, 0)
        return gradient, logits.detach()


def pose(
    attack: Attack,
    model: PixelModel,
    x: Tensor,
    y: Tensor,
    *,
    target: Tensor | None,
    eps: Tensor | None,
    mask: Tensor | None,
    n_seeds: int,
) -> Problem:
    """Check a batch and make the problem of it.

    Raises:
        BadAttack: shapes, classes or values do not fit.
    """
    n, n_classes = len(x), len(model.spec.classes)
    if x.ndim != 4 or not x.numel() or not bool(x.amin() >= 0) or not bool(x.amax() <= 1):
        raise BadAttack(f"images of shape {tuple(x.shape)}; give (N, C, H, W), N at least 1, every pixel within [0, 1]")
    if x.dtype != model.mean.dtype:
        raise BadAttack(f"images of {x.dtype}; the model takes {model.mean.dtype}")
    if n_seeds != n:
        raise BadAttack(f"{n_seeds} seeds for {n} images; give one an image")
    _check_classes("y", y, n, n_classes)
    if target is not None:
        _check_classes("target", target, n, n_classes)
        if bool((target == y).any()):
            raise BadAttack("a target equals the image's own class; give another class to reach")
    _check_loss(attack.objective, n_classes, targeted=target is not None)
    radii = _radii(attack, x, eps)
    layout = torch.channels_last if attack.lays_out(n) else torch.contiguous_format
    return Problem(
        model=model,
        x=x.detach().contiguous(memory_format=layout),
        layout=layout,
        y=y.to(x.device, torch.int64),
        target=None if target is None else target.to(x.device, torch.int64),
        eps=radii,
        free=_free(x, mask),
        loss=attack.objective,
        some_fixed=mask is not None or not bool((radii > 0).all()),
    )


def guided(problem: Problem, precision: str) -> Problem:
    """The same problem, whose gradients are taken in this precision."""
    return replace(problem, guide=lowered(problem.model)) if precision == BF16 else problem


def _check_loss(loss: str, n_classes: int, *, targeted: bool) -> None:
    needed = CLASSES_FOR[loss] + (loss == "dlr" and targeted)
    if n_classes < needed:
        raise BadAttack(
            f"loss {loss} needs {needed} classes{' for a target' * targeted}, there are {n_classes}; take ce"
        )


def _check_classes(name: str, labels: Tensor, n: int, n_classes: int) -> None:
    if labels.shape != (n,) or labels.is_floating_point() or bool(((labels < 0) | (labels >= n_classes)).any()):
        raise BadAttack(f"{name} of shape {tuple(labels.shape)}; give {n} whole numbers within [0, {n_classes - 1}]")


def _radii(attack: Attack, x: Tensor, eps: Tensor | None) -> Tensor:
    if eps is None:
        return torch.full((len(x),), attack.radius, dtype=x.dtype, device=x.device)
    if eps.shape != (len(x),) or not bool((eps >= 0).all()):
        raise BadAttack(f"eps of shape {tuple(eps.shape)}; give {len(x)} numbers of at least 0, such as 8/255")
    for radius in sorted(set(eps.tolist())):
        attack.check_radius(radius)
    return eps.to(x)


def _free(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return torch.ones((), dtype=torch.bool, device=x.device).expand_as(x)
    try:
        return mask.to(x.device, torch.bool).expand_as(x)
    except RuntimeError as e:
        wanted = (len(x), 1, *x.shape[2:])
        raise BadAttack(f"mask of shape {tuple(mask.shape)}; give {wanted} or {tuple(x.shape[2:])}") from e


def _steepest(gradient: Tensor) -> Tensor:
    """The largest slope of each image, up or down: (N,); NaN where there is one."""
    # Two extremes make no copy of the gradient, where the largest absolute value makes one.
    return torch.maximum(gradient.amax((1, 2, 3)), -gradient.amin((1, 2, 3)))
