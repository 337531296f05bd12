"""The random search of the Square attack, image by image; each norm brings its own start and its own moves."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Protocol

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import per_image
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.seeding import uniform

# Of 10,000 queries, those after which the squares are halved once more: section 3.3 of arXiv:1912.00049.
HALVED_AT, SCHEDULE = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000), 10_000
# The share of finished images at which leaving them out pays for the copying.
COMPACT_AT = 0.25


class Moves(Protocol):
    """What a norm adds to the search; `drawn` are uniform in [0, 1), one row an image.

    `box` (n, 4) holds top, left, height and width of the smallest rectangle round the pixels that may change.
    """

    def n_drawn(self, shape: torch.Size) -> tuple[int, int]:
        """How many numbers the start and each query use, of images of this shape (N, C, H, W)."""

    def start(self, problem: Problem, box: Tensor, drawn: Tensor) -> Tensor:
        """The first points (n, C, H, W), inside ball and box."""

    def move(self, part: Problem, x_adv: Tensor, box: Tensor, drawn: Tensor, covered: float) -> Tensor:
        """The best points after one more window that covers this share of the box, inside ball and box."""


@dataclass(eq=False)
class _Live:
    """The images that are still searched; row i of all tensors belongs to row `rows[i]` of the batch."""

    rows: Tensor  # (n,)
    x_adv: Tensor  # (n, C, H, W) the best point
    won: Tensor  # (n,) its margin
    draws: Tensor  # (n, n_queries - 1, numbers a query) uniform in [0, 1)
    box: Tensor  # (n, 4)

    def keep(self, going: Tensor) -> None:
        """Forget all images but these."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[going])


@torch.no_grad()
def search(
    problem: Problem, moves: Moves, *, n_queries: int, p_init: float, seeds: Sequence[int], tick: Tick
) -> AttackResult:
    """Attack a checked batch; see `Square` for the parameters."""
    x_adv, queries = problem.x.clone(), torch.ones_like(problem.y)
    live, part = _started(problem, moves, n_queries, seeds), problem
    tick()
    # Counted from 0, so that the first window covers p_init however few queries there are.
    for query in range(n_queries - 1):
        done = live.won > 0
        if done.all():
            break
        if done.float().mean() >= COMPACT_AT:
            x_adv[live.rows] = live.x_adv
            live.keep(~done)
            part, done = problem.part(live.rows), done[~done]
        covered = share(p_init, query, n_queries - 1)
        tried = moves.move(part, live.x_adv, live.box, live.draws[:, query], covered)
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
    """Which share of the pixels the window of this query covers."""
    scaled = query * SCHEDULE // n_queries
    return p_init / 2.0 ** sum(scaled > at for at in HALVED_AT)


def side(box: Tensor, covered: float) -> Tensor:
    """The side of a square that covers this share of each box, at least one pixel: (n,)."""
    return (covered * box[:, 2] * box[:, 3]).sqrt().round().long().clamp_min(1)


def begin(first: Tensor, room: Tensor, drawn: Tensor) -> Tensor:
    """A place for a window, uniform among the `room` + 1 from `first` on: (n,)."""
    return first + (drawn * (room + 1)).long().minimum(room)


def within(at: Tensor, length: Tensor, n: int) -> Tensor:
    """Rows, or columns, that a window of this length covers: (n images, n) bool."""
    line = torch.arange(n, device=at.device)
    return (line >= at[:, None]) & (line < (at + length)[:, None])


def _started(problem: Problem, moves: Moves, n_queries: int, seeds: Sequence[int]) -> _Live:
    """The first points, and all that the images will draw."""
    x, box = problem.x, boxes(problem.free)
    n_first, n_each = moves.n_drawn(x.shape)
    # One draw an image for everything, so that no image depends on when its neighbours finish.
    numbers = uniform(x.new_empty(len(x), n_first + (n_queries - 1) * n_each), seeds)
    x_adv = moves.start(problem, box, numbers[:, :n_first])
    return _Live(
        rows=torch.arange(len(x), device=x.device),
        x_adv=x_adv,
        won=problem.won_by(problem.model(x_adv)).nan_to_num(nan=-torch.inf),
        draws=numbers[:, n_first:].view(len(x), n_queries - 1, n_each),
        box=box,
    )


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
