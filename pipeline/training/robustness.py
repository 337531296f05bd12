"""How many of some validation images stay right under PGD: the same images, starts and steps after every epoch."""

import math

import torch
from torch import Tensor

from pipeline.attacks.attack import Tick
from pipeline.attacks.budget import BF16, FP32
from pipeline.attacks.pgd import PGD
from pipeline.models.adapter import PixelModel
from pipeline.training.samples import Samples

STEPS = 10
N_JUDGED = 200
# Enough to see a robust accuracy halve, at a third of the price.
N_WATCHED = 64
_BATCH = 64


class RobustSlice:
    """The validation images that robust accuracy is measured on, drawn once by the training's seed.

    An image counts as right where the model has it right and no step of the attack finds a point where it has not.
    """

    def __init__(self, model: PixelModel, val: Samples, *, eps: float, seed: int, reduced: torch.dtype | None) -> None:
        generator = torch.Generator().manual_seed(seed)
        self._model, self._val = model, val
        self._rows = torch.randperm(len(val), generator=generator)[:N_JUDGED]
        self._attack = PGD(eps=eps, steps=STEPS, stop_on_success=True)
        self._precision = BF16 if reduced == torch.bfloat16 else FP32

    def __len__(self) -> int:
        return len(self._rows)

    def chance(self, n: int) -> float:
        """The accuracy on the first n that one and the same answer for all reaches."""
        return int(self._val.y[self._rows[:n]].bincount().max()) / len(self._rows[:n])

    def accuracy(self, n: int, tick: Tick) -> float:
        """The share of the first n images that stay right; `tick` is called after each step and may raise."""
        rows = self._rows[:n]
        n_wrong = sum(self._n_wrong(part, tick) for part in rows.tensor_split(math.ceil(len(rows) / _BATCH)))
        return 1 - n_wrong / len(rows)

    def _n_wrong(self, rows: Tensor, tick: Tick) -> int:
        x, y = self._val.batch(rows, self._model.mean.device)
        found = self._attack(self._model, x, y, seeds=rows.tolist(), precision=self._precision, tick=tick)
        # The attack looks at its start and beyond, and where nothing has a slope it stays there.
        with self._model.frozen(), torch.no_grad():
            wrong = self._model(x).argmax(1) != y
        return int((found.success | wrong).sum())
