"""The steps of DeepFool: the nearest linear boundary of each image, and the walk over them."""

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import TINY, l2_norm, per_image, project_l2
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.slopes import slope_of


def walk(problem: Problem, attack: DeepFool, tick: Tick) -> AttackResult:
    """Attack a checked batch; see `DeepFool` for the step.

    An image leaves the batch when it fools the model, and when no step moves it any more.
    """
    x_adv = problem.x.clone()
    taken = torch.zeros_like(problem.y)
    masked = torch.zeros_like(problem.y, dtype=torch.bool)
    rows = torch.arange(len(x_adv), device=x_adv.device)
    live, here = problem, x_adv
    for _ in range(attack.steps):
        step, won, dead = _nearest(live, here, attack.candidates)
        masked[rows] = dead
        going = ~won & (step.flatten(1) != 0).any(1)
        if not going.any():
            break
        if not going.all():
            rows, step, here, live = rows[going], step[going], here[going], live.part(going)
        here = _moved(live, here, step, 1 + attack.overshoot)
        x_adv[rows] = here
        taken[rows] += 1
        tick()
    success = problem.fooled(x_adv)
    return AttackResult(x_adv, success, taken, reasons(success, masked))


def _moved(problem: Problem, here: Tensor, step: Tensor, stretch: float) -> Tensor:
    """One step further, with the overshoot on the sum of all steps."""
    # Divided out of the present point first: what box and ball took off is not part of the sum.
    total = (here - problem.x) / stretch + step
    return problem.confined(project_l2(problem.x + stretch * total, problem.x, problem.eps))


def _nearest(problem: Problem, here: Tensor, candidates: int) -> tuple[Tensor, Tensor, Tensor]:
    """The step to the nearest boundary of the linearised model.

    Returns:
        step (N, C, H, W), won (N,): the image fools already, and dead (N,): no boundary has a slope.
    """
    nearest = torch.full_like(problem.eps, torch.inf)
    step = torch.zeros_like(here)
    dead = torch.ones_like(nearest, dtype=torch.bool)
    with torch.enable_grad():
        here = here.detach().requires_grad_()
        logits = problem.model(here)
        won = problem.won_by(logits).detach() > 0
        gaps = _gaps(problem, logits, candidates)
        for k, gap in enumerate(gaps.unbind(1)):
            # All images at once; the graph is kept for the classes that follow.
            slope = slope_of(gap, here, retain_graph=k < gaps.shape[1] - 1)
            slope = torch.where(slope.isfinite() & problem.free, slope, torch.zeros_like(slope))
            dead &= (slope == 0).flatten(1).all(1)
            slope = torch.where(_inside(here.detach(), slope), slope, torch.zeros_like(slope))
            length = l2_norm(slope)
            # Classes without a slope are infinitely far; the distance of NaN logits is nearer than none.
            distance = torch.where(length > 0, gap.detach() / length.clamp_min(TINY), torch.inf)
            closer = distance < nearest
            nearest = torch.where(closer, distance, nearest)
            downhill = -slope / per_image(length.clamp_min(TINY))
            step = torch.where(per_image(closer), per_image(distance.nan_to_num(posinf=0)) * downhill, step)
    return step, won, dead


def _gaps(problem: Problem, logits: Tensor, candidates: int) -> Tensor:
    """By how much each boundary is still missed (N, J); it falls along the negative slope.

    To fool is to bring one gap to zero: z_y - z_k of the strongest wrong classes k, or the
    one from the leading class to the target.
    """
    if problem.target is not None:
        return -problem.won_by(logits)[:, None]
    own = logits.gather(1, problem.y[:, None])
    is_own = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, problem.y[:, None], True)
    others = logits.masked_fill(is_own, -torch.inf)
    return own - others.topk(min(candidates, logits.shape[1] - 1), dim=1).values


def _inside(here: Tensor, slope: Tensor) -> Tensor:
    """Where a step against the slope stays within black and white."""
    return ((here > 0) | (slope < 0)) & ((here < 1) | (slope > 0))
