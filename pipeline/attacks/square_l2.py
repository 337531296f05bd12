"""The moves of the Square attack under L2: peaks of two signs, paid for with what another window held."""

import torch
from torch import Tensor

from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import TINY, l2_norm, per_image, project_l2
from pipeline.attacks.square_search import begin, side, within

# The start is a grid of so many peaks along the longer side of the box.
GRID = 5
# A window has at least so many pixels a side: section 3.3 of arXiv:1912.00049.
LEAST_SIDE = 3
# Two unit vectors whose sum is shorter than this cancel, but for rounding.
CANCELLED = 1e-3


class Peaks:
    """Algorithm 3 of arXiv:1912.00049; a query draws two windows, which way its peak lies, and a sign a channel.

    The change in the first window turns towards a peak, see `peak`, and takes over the length that the second
    window held and that the radius has left; the second window is cleared.
    """

    def n_drawn(self, shape: torch.Size) -> tuple[int, int]:
        """A way and a sign a channel for each peak of the start; four places more for a query."""
        return GRID * GRID * (1 + shape[1]), 5 + shape[1]

    def start(self, problem: Problem, box: Tensor, drawn: Tensor) -> Tensor:
        """A grid of peaks over the box, as long as the radius."""
        x, free = problem.x, _free(problem)
        n, channels, height, width = x.shape
        length = -(-torch.maximum(box[:, 2], box[:, 3]) // GRID)
        row, column = _offsets(box[:, 0], height), _offsets(box[:, 1], width)
        step = length[:, None]
        tile = ((row // step).clamp(0, GRID - 1) * GRID)[:, :, None] + (column // step).clamp(0, GRID - 1)[:, None, :]
        drawn = drawn.view(n, 1 + channels, GRID * GRID)
        picked = drawn.gather(2, tile.flatten(1)[:, None, :].expand(-1, 1 + channels, -1))
        picked = picked.view(n, 1 + channels, height, width)
        # Outside the box nothing may change, so what a tile would be there does not matter.
        shape = peak((row % step)[:, :, None], (column % step)[:, None, :], length, picked[:, 0] >= 0.5)
        change = torch.where(free, shape[:, None] * _signs(picked[:, 1:]), 0).to(x)
        change *= per_image(problem.eps / l2_norm(change).clamp_min(TINY))
        return problem.confined(project_l2(x + change, x, problem.eps))

    def move(self, part: Problem, x_adv: Tensor, box: Tensor, drawn: Tensor, covered: float) -> Tensor:
        """The points after one more peak each."""
        _, _, height, width = x_adv.shape
        # Odd, as in the authors' program, which gives each peak a middle.
        length = (side(box, covered) // 2 * 2 + 1).clamp_min(LEAST_SIDE).minimum(torch.minimum(box[:, 2], box[:, 3]))
        tops = [begin(box[:, 0], box[:, 2] - length, drawn[:, k]) for k in (0, 2)]
        lefts = [begin(box[:, 1], box[:, 3] - length, drawn[:, k]) for k in (1, 3)]
        first, second = (
            within(top, length, height)[:, None, :, None] & within(left, length, width)[:, None, None, :]
            for top, left in zip(tops, lefts, strict=True)
        )
        row, column = _offsets(tops[0], height), _offsets(lefts[0], width)
        shape = peak(row[:, :, None], column[:, None, :], length, drawn[:, 4].view(-1, 1, 1) >= 0.5)
        wanted = _unit(torch.where(first & _free(part), shape[:, None], 0).to(part.x))
        wanted = wanted * _signs(drawn[:, 5:])[:, :, None, None].to(part.x)
        change = x_adv - part.x
        unused = (part.eps.square() - l2_norm(change).square()).clamp_min(0)
        held = (change * (first | second)).square().sum((2, 3), keepdim=True)
        available = (held + per_image(unused / change.shape[1])).sqrt()
        turned = wanted + _unit(change * first)
        # In a window of one pixel the old and the new are the same or cancel; then the new one stands alone.
        cancelled = turned.square().sum((2, 3), keepdim=True) < CANCELLED**2
        turned = _unit(torch.where(cancelled, wanted, turned))
        change = torch.where(first, turned * available, torch.where(second, 0, change))
        return part.confined(project_l2(part.x + change, part.x, part.eps))


def peak(row: Tensor, column: Tensor, side: Tensor, transposed: Tensor) -> Tensor:
    """The shape of eq. 2 of the paper at places of a square window: (n, H, W), not yet of length 1.

    The window is cut into two halves of opposite sign, the first of them side // 2 wide. In each the value falls
    with the distance d to its centre, counted as a king moves: it is the sum of 1 / j**2 over j from d + 1 up to
    side // 2 + 1.

    Args:
        row: (n, H, 1) or (n, H, W), from the window's first row on; what lies outside means nothing.
        column: likewise.
        side: (n,) of the windows.
        transposed: (n, 1, 1) or (n, H, W) bool, where the halves lie above each other.
    """
    half, rest = (length.view(-1, 1, 1) for length in (side // 2, side - side // 2))

    # Line by line as long as may be: only the largest of both and its value are as large as the image.
    def along(line: Tensor) -> Tensor:
        return (line - half).abs()

    def across(line: Tensor) -> Tensor:
        # From the middle of each half, counted from its own first line.
        return torch.where(line < half, (line - half // 2).abs(), (line - half - rest // 2).abs())

    away = torch.maximum(
        torch.where(transposed, across(row), along(row)), torch.where(transposed, along(column), across(column))
    )
    sums = _sums_of_inverse_squares(int(side.max()) + 1, side.device)
    value = sums[half + 1] - sums[away.minimum(half)]
    return value * torch.where(torch.where(transposed, row, column) < half, 1.0, -1.0)


def _sums_of_inverse_squares(n: int, device: torch.device) -> Tensor:
    """The sum of 1 / j**2 over j up to k, for k from 0 to n: (n + 1,)."""
    squares = torch.arange(1, n + 1, device=device, dtype=torch.float32).square()
    return torch.cat([squares.new_zeros(1), squares.reciprocal().cumsum(0)])


def _offsets(first: Tensor, n: int) -> Tensor:
    """Rows, or columns, counted from the first one of each window: (n images, n)."""
    return torch.arange(n, device=first.device) - first[:, None]


def _free(problem: Problem) -> Tensor:
    return problem.free & per_image(problem.eps > 0)


def _signs(drawn: Tensor) -> Tensor:
    return 2.0 * (drawn >= 0.5) - 1


def _unit(change: Tensor) -> Tensor:
    """Each channel at length 1; where there is nothing, nothing."""
    return change / change.square().sum((2, 3), keepdim=True).sqrt().clamp_min(TINY)
