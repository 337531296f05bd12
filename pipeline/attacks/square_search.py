"""The search of the Square attack under Linf, image by image."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image, project_linf
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.seeding import uniform
from pipeline.attacks.square import Square

# Of 10,000 queries, those after which the squares are halved once more: section 3.3 of arXiv:1912.00049.
HALVED_AT, SCHEDULE = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000), 10_000
# The share of finished images at which leaving them out pays for the copying.
COMPACT_AT = 0.25


@dataclass(eq=False)
class _Live:
    """The images that are still searched; row i of all tensors belongs to row `rows[i]` of the batch."""

    rows: Tensor  # (n,)
    x_adv: Tensor  # (n, C, H, W) the best point
    won: Tensor  # (n,) its margin
    draws: Tensor  # (n, n_queries, 2 + C) uniform in [0, 1): where each square lies, and its signs
    box: Tensor  # (n, 4) top, left, height, width of the pixels that may change

    def keep(self, going: Tensor) -> None:
        """Forget all images but these."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[going])


@torch.no_grad()
def search(problem: Problem, attack: Square, seeds: Sequence[int], tick: Tick) -> AttackResult:
    """Attack a checked batch; see `Square` for the moves and the parameters."""
    x = problem.x
    x_adv, queries = x.clone(), torch.ones_like(problem.y)
    live, part = _stripes(problem, attack.n_queries, seeds), problem
    tick()
    for query in range(1, attack.n_queries):
        done = live.won > 0
        if done.all():
            break
        if done.float().mean() >= COMPACT_AT:
            x_adv[live.rows] = live.x_adv
            live.keep(~done)
            part, done = problem.part(live.rows), done[~done]
        tried = _with_square(part, live, query, share(attack.p_init, query, attack.n_queries))
        won = part.won_by(part.model(tried))
        # An image that has finished stays as it is, whatever its neighbours are still busy with.
        better = (won > live.won) & ~done
        live.x_adv = torch.where(per_image(better), tried, live.x_adv)
        live.won = torch.where(better, won, live.won)
        queries[live.rows] += (~done).long()
        tick()
    x_adv[live.rows] = live.x_adv
    success = problem.fooled(x_adv)
    return AttackResult(x_adv, success, queries, reasons(success, torch.zeros_like(success)))


def share(p_init: float, query: int, n_queries: int) -> float:
    """Which share of the pixels the square of this query covers."""
    scaled = query * SCHEDULE // n_queries
    return p_init / 2.0 ** sum(scaled > at for at in HALVED_AT)


def _stripes(problem: Problem, n_queries: int, seeds: Sequence[int]) -> _Live:
    """Columns of +-eps, one sign a column and channel, and all that the images will draw."""
    x = problem.x
    n, channels, _, width = x.shape
    n_stripes = channels * width
    # One draw an image for everything, so that no image depends on when its neighbours finish.
    numbers = uniform(x.new_empty(n, n_stripes + (n_queries - 1) * (2 + channels)), seeds)
    signs = 2 * (numbers[:, :n_stripes] >= 0.5).view(n, channels, 1, width).to(x) - 1
    x_adv = problem.confined(project_linf(x + per_image(problem.eps) * signs, x, problem.eps))
    return _Live(
        rows=torch.arange(n, device=x.device),
        x_adv=x_adv,
        won=problem.won_by(problem.model(x_adv)).nan_to_num(nan=-torch.inf),
        draws=numbers[:, n_stripes:].view(n, n_queries - 1, 2 + channels),
        box=boxes(problem.free),
    )


def _with_square(part: Problem, live: _Live, query: int, covered: float) -> Tensor:
    """The best points with one more square each: (n, C, H, W)."""
    drawn = live.draws[:, query - 1]
    top, left, height, width = live.box.unbind(1)
    longest = (torch.minimum(height, width) - 1).clamp_min(1)
    side = (covered * height * width).sqrt().round().long().clamp_min(1).minimum(longest)
    inside = within(top, height - side, drawn[:, 0], side, part.x.shape[2])[:, None, :, None]
    inside = inside & within(left, width - side, drawn[:, 1], side, part.x.shape[3])[:, None, None, :]
    signs = 2 * (drawn[:, 2:] >= 0.5).to(part.x) - 1
    moves = per_image(part.eps) * signs[:, :, None, None]
    there, opposite = (_set(part, live.x_adv, inside, way) for way in (moves, -moves))
    same = (there == live.x_adv).flatten(1).all(1)
    return torch.where(per_image(same), opposite, there)


def _set(part: Problem, x_adv: Tensor, inside: Tensor, moves: Tensor) -> Tensor:
    return part.confined(torch.where(inside, project_linf(part.x + moves, part.x, part.eps), x_adv))


def within(first: Tensor, room: Tensor, drawn: Tensor, side: Tensor, length: int) -> Tensor:
    """Rows, or columns, that a square covers: (n, length) bool."""
    begin = first + (drawn * (room + 1)).long().minimum(room)
    at = torch.arange(length, device=first.device)
    return (at >= begin[:, None]) & (at < (begin + side)[:, None])


def boxes(free: Tensor) -> Tensor:
    """The smallest rectangle round the pixels that may change; the whole image where there are none."""
    anywhere = free.any(1)
    anywhere = anywhere | ~anywhere.flatten(1).any(1)[:, None, None]
    (top, height), (left, width) = (_extent(anywhere.any(dim)) for dim in (2, 1))
    return torch.stack([top, left, height, width], dim=1)


def _extent(line: Tensor) -> tuple[Tensor, Tensor]:
    """First true place and number of places up to the last one: two of (n,)."""
    first = line.int().argmax(1)
    return first, line.shape[1] - line.flip(1).int().argmax(1) - first
