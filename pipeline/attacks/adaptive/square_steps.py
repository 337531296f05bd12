"""The search of the Square attack before a gate, image by image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.attacks.adaptive.ledger import GateResult, Ledger
from pipeline.attacks.adaptive.problem import GateProblem
from pipeline.attacks.adaptive.square import GateSquare
from pipeline.attacks.attack import Tick
from pipeline.attacks.projections import per_image, project_linf
from pipeline.attacks.seeding import uniform
from pipeline.attacks.square_linf import a_square
from pipeline.attacks.square_search import boxes, share


@torch.no_grad()
def search(problem: GateProblem, attack: GateSquare, seeds: Sequence[int], tick: Tick) -> GateResult:
    """Attack a checked batch; see `GateSquare` for the moves and the parameters."""
    ledger = Ledger(problem, stop_on_success=attack.stop_on_success)
    rows = torch.arange(len(problem.y), device=problem.y.device)
    for restart in range(attack.restarts):
        rows = rows[ledger.going(rows)]
        if not len(rows):
            break
        _restart(problem, attack, ledger, rows, [seed ^ restart for seed in seeds], restart, tick)
    return ledger.result()


def _restart(
    problem: GateProblem,
    attack: GateSquare,
    ledger: Ledger,
    rows: Tensor,
    seeds: Sequence[int],
    restart: int,
    tick: Tick,
) -> None:
    n, channels, _, width = problem.x.shape
    n_stripes = channels * width
    # One draw an image for everything, so that no image depends on when its neighbours finish.
    numbers = uniform(problem.x.new_empty(n, n_stripes + (attack.steps - 1) * (2 + channels)), seeds)
    stripes = 2 * (numbers[:, :n_stripes] >= 0.5).view(n, channels, 1, width).to(problem.x) - 1
    begun = problem.x + per_image(problem.eps) * stripes if restart else problem.x
    here = project_linf(begun, problem.x, problem.eps)
    worth = torch.full_like(problem.eps, -torch.inf)
    draws, box = numbers[:, n_stripes:].view(n, attack.steps - 1, 2 + channels), boxes(problem.free)
    for query in range(attack.steps):
        part = problem.part(rows)
        tried = here[rows]
        if query:
            covered = share(attack.p_init, query - 1, attack.steps - 1)
            tried = _with_square(part, tried, draws[rows, query - 1], box[rows], covered)
        point = part.on_file(tried)
        found = part.won_by(part.model(point))
        better = found > worth[rows]
        here[rows] = torch.where(per_image(better), point, here[rows])
        worth[rows] = torch.where(better, found, worth[rows])
        ledger.offer(rows, point, found)
        ledger.stepped(rows, found)
        tick()
        rows = rows[ledger.going(rows)]
        if not len(rows):
            return


def _with_square(part: GateProblem, here: Tensor, drawn: Tensor, box: Tensor, covered: float) -> Tensor:
    """The points with one more square each, in which the change is -eps, 0 or eps a channel."""
    inside = a_square(here, box, drawn, covered)
    signs = (3 * drawn[:, 2:]).floor() - 1
    moved = project_linf(part.x + per_image(part.eps) * signs[:, :, None, None], part.x, part.eps)
    return torch.where(inside, moved, here)
