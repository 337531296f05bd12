"""How well a backdoor works: clean accuracy, and how often its trigger brings the target, each with its interval."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.evaluation import wilson_interval
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.shown import shown
from pipeline.poisoning.triggers import Trigger
from pipeline.words import percent

_BATCH = 64


@dataclass(frozen=True)
class Share:
    """So many of so many, with the 95 % interval of Wilson."""

    n_hit: int
    n: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.n_hit / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """(0, 1) of nothing."""
        return wilson_interval(self.n_hit, self.n)

    def to_json(self) -> dict[str, object]:
        """Share, interval and counts."""
        low, high = self.interval
        return {"value": self.value, "low": low, "high": high, "n_hit": self.n_hit, "n": self.n}

    def __str__(self) -> str:
        low, high = self.interval
        return "-" if self.value is None else f"{percent(self.value)} ({percent(low)} to {percent(high)})"


@dataclass(frozen=True)
class BackdoorSuccess:
    """One classifier before a trigger.

    Attributes:
        accuracy: of the images as they are. All three are shares with 95 % Wilson intervals.
        success: share of the images of OTHER classes than the target that are called the target with the trigger on.
        without_trigger: share of the same images that are called the target as they are.
    """

    accuracy: Share
    success: Share
    without_trigger: Share

    def to_json(self) -> dict[str, object]:
        """The shares as JSON values."""
        return {name: getattr(self, name).to_json() for name in asdict(self)}


def backdoor_success(
    model: PixelModel,
    dataset: Dataset,
    trigger: Trigger,
    target: int,
    *,
    split: str = "test",
    progress: Progress = ignore,
) -> BackdoorSuccess:
    """What the classifier says of a split as it is, and with the trigger on.

    Raises:
        BadPoison: no image of the split has another class than the target, or the trigger lies off one.
    """
    rows = dataset.indices(split)
    y = dataset.labels[rows]
    others = y != target
    if not others.any():
        raise BadPoison(f"{dataset.name} has no {split} image of another class than the target; name another target")
    clean = predicted(model, dataset, rows.tolist(), progress=progress)
    stamped = predicted(model, dataset, rows[others].tolist(), trigger=trigger, progress=progress)
    n_others = int(others.sum())
    return BackdoorSuccess(
        accuracy=Share(int((clean == y).sum()), len(y)),
        success=Share(int((stamped == target).sum()), n_others),
        without_trigger=Share(int((clean[others] == target).sum()), n_others),
    )


def predicted(
    model: PixelModel,
    dataset: Dataset,
    rows: Sequence[int],
    *,
    trigger: Trigger | None = None,
    progress: Progress = ignore,
) -> np.ndarray:
    """The class that the classifier gives each of these items, (n,) int64, with a trigger on if one is given."""
    return answered(model, dataset, rows, trigger=trigger, progress=progress)[0]


@torch.no_grad()
def answered(
    model: PixelModel,
    dataset: Dataset,
    rows: Sequence[int],
    *,
    trigger: Trigger | None = None,
    progress: Progress = ignore,
) -> tuple[np.ndarray, np.ndarray]:
    """The class that each of these items is given, (n,) int64, and its probability, (n,) float32."""
    told, believed = [], []
    with model.frozen(channels_last=True):
        for start in range(0, len(rows), _BATCH):
            x = shown(model, dataset, rows[start : start + _BATCH], trigger=trigger)
            best = model(x).softmax(dim=1).max(dim=1)
            told.append(best.indices.cpu().numpy())
            believed.append(best.values.cpu().numpy())
            progress(min(start + _BATCH, len(rows)), len(rows), "classifying images")
    if not told:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
    return np.concatenate(told), np.concatenate(believed)
