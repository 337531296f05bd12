"""What an adaptive attack has found so far, image by image."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.attacks.adaptive.problem import SURE, GateProblem
from pipeline.attacks.projections import per_image
from pipeline.attacks.result import AttackResult, reasons


@dataclass(frozen=True, eq=False)
class GateResult(AttackResult):
    """One batch after an adaptive attack, on the file's lattice; `run.py` judges the file itself.

    `curve` (N, T) is the best worth of each image after each step of all restarts: it grows, and stays level where the
    attack has converged or rests.
    """

    worth: Tensor  # (N,) of the best point, above 0 where it is accepted and wrong
    curve: Tensor  # (N, T)


class Ledger:
    """The best point of each image by its worth, and the way there."""

    def __init__(self, problem: GateProblem, *, stop_on_success: bool) -> None:
        self.x_adv = problem.x.clone()
        self.worth = torch.full_like(problem.eps, -torch.inf)
        self._steps = torch.zeros_like(problem.y)
        self._seen = self.worth.clone()
        self._curve: list[Tensor] = []
        self._stop = stop_on_success

    def offer(self, rows: Tensor, point: Tensor, worth: Tensor) -> None:
        """Keep what is better; a point is one of `on_file`, and its worth what the gate says of it."""
        better = worth > self.worth[rows]  # NaN is better than nothing.
        kept = torch.where(per_image(better), point, self.x_adv[rows])
        self.x_adv[rows], self.worth[rows] = kept, torch.where(better, worth, self.worth[rows])

    def stepped(self, rows: Tensor, worth: Tensor) -> None:
        """Note a step of these images, and what they were worth there."""
        self._steps[rows] += 1
        self._seen[rows] = torch.fmax(self._seen[rows], worth)
        self._curve.append(self._seen.clone())

    def going(self, rows: Tensor) -> Tensor:
        """Which of these images go on: (n,) bool; one that has surely won rests, if it may."""
        return ~(self.worth[rows] > SURE) if self._stop else torch.ones_like(rows, dtype=torch.bool)

    def result(self) -> GateResult:
        """The best of each image."""
        success = self.worth > 0
        curve = torch.stack(self._curve, 1) if self._curve else self.worth[:, None]
        why = reasons(success, torch.zeros_like(success))
        return GateResult(self.x_adv, success, self._steps, why, self.worth, curve)
