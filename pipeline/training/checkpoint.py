"""The state of a training between two epochs, whole on disk or not there."""

import pickle
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from datasets.atomic import replacing


@dataclass(frozen=True)
class EpochResult:
    """Loss and accuracy of one epoch; those on validation images are of the averaged weights, None without any.

    `robust_accuracy` is that under PGD, `robust_accuracy_now` the same of the weights as they stand, which the
    guard of a hardening watches; both None where nothing is hardened.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None
    robust_accuracy: float | None = None
    robust_accuracy_now: float | None = None

    def to_json(self) -> dict[str, object]:
        """The result as JSON values; what only a hardening measures is left out of another training."""
        values = asdict(self)
        return {name: value for name, value in values.items() if value is not None or not name.startswith("robust")}


@dataclass
class Checkpoint:
    """Everything that the next epoch depends on, and the best weights so far."""

    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimizer: dict[str, object]
    scaler: dict[str, object]
    best: dict[str, Tensor]
    best_epoch: int
    history: list[EpochResult] = field(default_factory=list)

    def write(self, file: Path) -> None:
        """Replace the file."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "history"}
        with replacing(file) as beside:
            torch.save({**fields, "history": [result.to_json() for result in self.history]}, beside)

    @classmethod
    def read(cls, file: Path) -> "Checkpoint | None":
        """The checkpoint of a file, on the CPU; None, and the training starts over, where none can be read."""
        try:
            values = torch.load(file, map_location="cpu", weights_only=True)
            return cls(**{**values, "history": [EpochResult(**result) for result in values["history"]]})
        except (OSError, RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError):
            return None
