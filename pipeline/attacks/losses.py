"""Losses to climb, one value an image; their sum keeps the gradients of images apart."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

# Keeps 0 / 0 from happening where all logits are equal; as small as in the authors' own code.
_GAP = 1e-12


def cross_entropy(logits: Tensor, y: Tensor, target: Tensor | None) -> Tensor:
    """Cross entropy of the true class, or the negative one of the target: (N,)."""
    if target is not None:
        return -F.cross_entropy(logits, target, reduction="none")
    return F.cross_entropy(logits, y, reduction="none")


def margin(logits: Tensor, y: Tensor, target: Tensor | None) -> Tensor:
    """By how much the attack has won, in logits: (N,), above 0 where the model is fooled.

    The runner-up is a maximum over the other classes alone, so that logits may all be
    negative (a log-softmax) or shifted. NaN logits give NaN, which is above nothing.
    """
    aim = y if target is None else target
    own = logits.gather(1, aim[:, None]).squeeze(1)
    is_own = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, aim[:, None], True)
    other = logits.masked_fill(is_own, -torch.inf).amax(1)
    return other - own if target is None else own - other


def dlr(logits: Tensor, y: Tensor, target: Tensor | None) -> Tensor:
    """The difference of logits ratio: the margin over a gap between the model's own logits, (N,).

    Croce and Hein 2020, arXiv:2003.01690, eq. 6 and 7: neither a shift nor a scale of the logits changes it. It needs
    three classes, or four where there is a target, which it lifts above the true class and not above all others.
    """
    ordered = logits.sort(dim=1, descending=True).values
    if target is None:
        return margin(logits, y, None) / (ordered[:, 0] - ordered[:, 2]).clamp_min(_GAP)
    gap = ordered[:, 0] - (ordered[:, 2] + ordered[:, 3]) / 2
    wanted, own = (logits.gather(1, index[:, None]).squeeze(1) for index in (target, y))
    return (wanted - own) / gap.clamp_min(_GAP)


LOSSES: dict[str, Callable[[Tensor, Tensor, Tensor | None], Tensor]] = {
    "ce": cross_entropy,
    "margin": margin,
    "dlr": dlr,
}
"""The losses by the names that `budget.LOSSES` allows."""


def least_likely(logits: Tensor) -> Tensor:
    """The class the model believes in least: (N,), the hardest target."""
    return logits.argmin(1)
