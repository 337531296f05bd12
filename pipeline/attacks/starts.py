"""Where an attack with a random start begins."""

from collections.abc import Sequence

from torch import Tensor

from pipeline.attacks.budget import Norm
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import PROJECTIONS, per_image
from pipeline.attacks.seeding import ball, uniform


def random_start(problem: Problem, norm: Norm, seeds: Sequence[int]) -> Tensor:
    """A point of ball and box (N, C, H, W), uniform in the ball; each image from its own generator."""
    in_ball = norm is Norm.L2
    noise = ball(problem.x, seeds, problem.free) if in_ball else 2 * uniform(problem.x, seeds) - 1
    return PROJECTIONS[norm](problem.x + per_image(problem.eps) * noise, problem.x, problem.eps)
