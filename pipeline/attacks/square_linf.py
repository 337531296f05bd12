"""The moves of the Square attack under Linf: squares of one extreme colour, from stripes."""

import torch
from torch import Tensor

from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image, project_linf
from pipeline.attacks.square_search import begin, side, within


class Squares:
    """Algorithm 2 of arXiv:1912.00049; a query draws the place of its square and a sign a channel."""

    def n_drawn(self, shape: torch.Size) -> tuple[int, int]:
        """A sign a channel and column for the start; two places and a sign a channel for a query."""
        return shape[1] * shape[3], 2 + shape[1]

    def start(self, problem: Problem, box: Tensor, drawn: Tensor) -> Tensor:
        """Columns of +-eps, one sign a column and channel."""
        x = problem.x
        signs = _signs(drawn, x).view(len(x), x.shape[1], 1, x.shape[3])
        return problem.confined(project_linf(x + per_image(problem.eps) * signs, x, problem.eps))

    def move(self, part: Problem, x_adv: Tensor, box: Tensor, drawn: Tensor, covered: float) -> Tensor:
        """The points with one more square each, of the other signs where those drawn would change nothing."""
        inside = a_square(x_adv, box, drawn, covered)
        changes = per_image(part.eps) * _signs(drawn[:, 2:], part.x)[:, :, None, None]
        there, opposite = (_set(part, x_adv, inside, way) for way in (changes, -changes))
        same = (there == x_adv).flatten(1).all(1)
        return torch.where(per_image(same), opposite, there)


def a_square(x_adv: Tensor, box: Tensor, drawn: Tensor, covered: float) -> Tensor:
    """Where a square of each image lies, its place the first two numbers drawn: (n, 1, H, W) bool."""
    top, left, height, width = box.unbind(1)
    longest = (torch.minimum(height, width) - 1).clamp_min(1)
    length = side(box, covered).minimum(longest)
    rows = within(begin(top, height - length, drawn[:, 0]), length, x_adv.shape[2])
    columns = within(begin(left, width - length, drawn[:, 1]), length, x_adv.shape[3])
    return rows[:, None, :, None] & columns[:, None, None, :]


def _signs(drawn: Tensor, like: Tensor) -> Tensor:
    return 2 * (drawn >= 0.5).to(like) - 1


def _set(part: Problem, x_adv: Tensor, inside: Tensor, changes: Tensor) -> Tensor:
    return part.confined(torch.where(inside, project_linf(part.x + changes, part.x, part.eps), x_adv))
