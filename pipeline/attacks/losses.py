"""Losses to climb, one value an image; their sum keeps the gradients of images apart."""

import torch
import torch.nn.functional as F
from torch import Tensor


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


def least_likely(logits: Tensor) -> Tensor:
    """The class the model believes in least: (N,), the hardest target."""
    return logits.argmin(1)
