"""Which way is up before a gate: how the slopes of margin and room become one direction."""

from collections.abc import Callable

import torch
from torch import Tensor

from pipeline.attacks.adaptive.climb import Way
from pipeline.attacks.adaptive.problem import GateProblem, Slopes
from pipeline.attacks.projections import TINY, l2_norm, per_image

# By how much lambda follows in a step; a tenth turns it by e in ten steps, and steps average over what it overshoots.
RATE = 0.1
LAMBDA_RANGE = (1e-3, 1e3)

Ask = Callable[[GateProblem, Tensor, Tensor], Slopes]
"""The slopes at the points of a part; the second argument says which rows of the batch these are."""


class Weighed:
    """Both slopes at a length of 1, the detector's times a lambda that follows each image.

    Lambda grows while the classifier is wrong and the gate flags, and falls while the gate accepts and the classifier
    is right: a search that spends no step on a lambda that is far off.
    """

    def __init__(self, problem: GateProblem, first: float, ask: Ask) -> None:
        self.weights = torch.full_like(problem.eps, first)
        self._ask = ask

    def __call__(self, part: GateProblem, rows: Tensor, point: Tensor) -> Way:
        """Turn lambda by what the gate says here, then weigh."""
        slopes = self._ask(part, rows, point)
        wrong, accepted = slopes.margin > 0, slopes.room > 0
        turned = 1 + RATE * (wrong & ~accepted).float() - RATE / (1 + RATE) * (accepted & ~wrong).float()
        weights = (self.weights[rows] * turned).clamp(*LAMBDA_RANGE)
        self.weights[rows] = weights
        return Way(unit(slopes.by_margin) + per_image(weights) * unit(slopes.by_room), slopes.worth)


class Selected:
    """One slope at a time: the classifier's until it is wrong, then the detector's; each kept off the other's way."""

    def __init__(self, *, orthogonal: bool, slack: float) -> None:
        self._orthogonal = orthogonal
        self._slack = slack

    def __call__(self, part: GateProblem, rows: Tensor, point: Tensor) -> Way:
        """Choose."""
        slopes = part.slopes(point)
        by_margin, by_room = slopes.by_margin, slopes.by_room
        if self._orthogonal:
            by_margin, by_room = orthogonal_to(by_margin, by_room), orthogonal_to(by_room, by_margin)
        wrong = per_image(slopes.margin > self._slack)
        return Way(torch.where(wrong, by_room, by_margin), slopes.worth)


def orthogonal_to(gradient: Tensor, other: Tensor) -> Tensor:
    """What is left of each image's gradient without its part along the other one; all of it where that is 0."""
    way = unit(other)
    return gradient - per_image((gradient * way).sum((1, 2, 3))) * way


def unit(gradient: Tensor) -> Tensor:
    """The gradient of each image at an L2 length of 1, or 0."""
    return gradient / per_image(l2_norm(gradient).clamp_min(TINY))
