"""What a detector's training needs to go on after a kill."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from datasets.atomic import replacing
from detector.training import ResidualTrainer


@dataclass(frozen=True)
class Checkpoint:
    """The state after an epoch.

    Attributes:
        trainer: what `ResidualTrainer.restore` takes.
        average: weights of the best epoch so far.
        epoch: which one that was, from 0.
        history: one row an epoch.
    """

    trainer: dict[str, Any]
    average: dict[str, Tensor]
    epoch: int
    history: list[dict[str, float]]

    @classmethod
    def after(cls, before: "Checkpoint | None", trainer: ResidualTrainer, row: dict[str, float]) -> "Checkpoint":
        """The checkpoint one epoch on; of equals the later epoch is the better, having learned longer."""
        history = [*(before.history if before else []), row]
        state = trainer.state()
        if before is not None and row["trade_off"] < before.history[before.epoch]["trade_off"]:
            return cls(state, before.average, before.epoch, history)
        average = {name: value.clone() for name, value in trainer.average.state_dict().items()}
        return cls(state, average, len(history) - 1, history)


def write_checkpoint(path: Path, key: str, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, whole or not at all."""
    with replacing(path) as beside:
        torch.save({"key": key, **vars(checkpoint)}, beside)


def read_checkpoint(path: Path, key: str) -> Checkpoint | None:
    """The checkpoint of this very training, or None where there is none to go on from.

    A file of another training, or one that cannot be read, is as good as none: training starts anew.
    """
    try:
        state = torch.load(path, weights_only=True)
        if state.pop("key") != key:
            return None
        return Checkpoint(**state)
    except (OSError, RuntimeError, TypeError, KeyError, AttributeError, EOFError, pickle.UnpicklingError):
        return None
