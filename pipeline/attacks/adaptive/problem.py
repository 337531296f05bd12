"""One batch under attack before a whole gate."""

from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import torch
from torch import Tensor

from pipeline.attacks.adaptive.view import GateView
from pipeline.attacks.budget import Norm
from pipeline.attacks.lattice import to_lattice, to_pixels
from pipeline.attacks.losses import margin
from pipeline.attacks.problem import Problem
from pipeline.attacks.slopes import slope_of

# A win by less than this, in logits and in the score, could be lost to another machine's arithmetic.
SURE = 1e-3


class Slopes(NamedTuple):
    """What the gate says at a point, and which way is up from there."""

    margin: Tensor  # (N,), above 0 where the classifier is wrong
    room: Tensor  # (N,), at least 0 where the gate accepts
    by_margin: Tensor  # (N, C, H, W), or by the given loss in its place
    by_room: Tensor  # (N, C, H, W)

    @property
    def worth(self) -> Tensor:
        """The smaller of both: (N,), above 0 where the scan is accepted and wrong."""
        return torch.minimum(self.margin, self.room)


@dataclass(frozen=True, eq=False)
class GateProblem(Problem):
    """A checked batch whose model is a `GateView`; success is a scan that is accepted and wrong."""

    levels_max: int = 255
    guides: Tensor | None = None  # (N, R, D): features of clean scans of other classes, the nearest class first
    spread: Tensor | None = None  # (D,): how far each feature varies over clean scans

    @property
    def view(self) -> GateView:
        """The gate."""
        return cast(GateView, self.model)

    def part(self, rows: Tensor) -> "GateProblem":
        """The problem of some of the images."""
        some = cast(GateProblem, super().part(rows))
        return some if self.guides is None else replace(some, guides=self.guides[rows])

    def won_by(self, logits: Tensor) -> Tensor:
        """The smaller of margin and room (N,), of what the view gave; above 0 is success, NaN is none."""
        return torch.minimum(margin(logits[:, :-1], self.y, self.target), logits[:, -1])

    def on_file(self, x_adv: Tensor) -> Tensor:
        """The nearest pixels that a file holds, inside ball and box: what every question to the gate is about.

        A slope taken there serves as that of `x_adv`, straight through the rounding.
        """
        levels = to_lattice(x_adv, self.x, eps=self.eps, levels_max=self.levels_max, norm=Norm.LINF)
        return self.confined(to_pixels(levels, self.levels_max).contiguous(memory_format=torch.channels_last))

    def slopes(self, point: Tensor, guide: Tensor | None = None) -> Slopes:
        """The slopes of margin and room at a point; with a guide (N, D), of nearness to its features for the margin."""
        with torch.enable_grad():
            here = point.detach().requires_grad_()
            # Logits and room apart: through a tensor of both the detector would be gone through twice.
            features, logits, room = self.view.looked_at(here)
            won = margin(logits, self.y, self.target)
            climbed = won if guide is None else self._nearness(features, guide)
            by_margin, by_room = self._uphill(climbed, here), self._uphill(room, here)
        return Slopes(won.detach(), room.detach(), by_margin, by_room)

    def _nearness(self, features: Tensor, guide: Tensor) -> Tensor:
        spread = torch.ones_like(features[0]) if self.spread is None else self.spread
        return -((features - guide) / spread).square().mean(1)

    def _uphill(self, values: Tensor, here: Tensor) -> Tensor:
        """The slope of each image's value by its pixels, 0 where it does not hang on them by a slope."""
        gradient = slope_of(values, here, retain_graph=True).nan_to_num(0, 0, 0)
        return torch.where(self.free, gradient, 0) if self.some_fixed else gradient
