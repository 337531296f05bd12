"""How well a classifier does on images it has not seen."""

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model
from pipeline.models.resize import fit_levels

_BATCH = 64
# The 97.5 % point of the normal distribution: two-sided 95 %.
_Z = 1.959964


@dataclass(frozen=True)
class ClassScores:
    """One class: precision where it was ever predicted, recall where it occurs, F1 where both are known."""

    name: str
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class ClassifierReport:
    """Accuracy with its 95 % Wilson interval, scores of each class, and `confusion[true][predicted]`."""

    classifier_id: str
    dataset_id: str
    split: str
    n: int
    accuracy: float
    interval: tuple[float, float]
    per_class: tuple[ClassScores, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        return asdict(self)

    def table(self) -> str:
        """The report as text, one class a line, to be read in a terminal."""
        width = max(len("class"), *(len(scores.name) for scores in self.per_class))
        low, high = self.interval
        lines = [
            f"accuracy {self.accuracy:.2%} of {self.n} images (95 % interval {low:.2%} to {high:.2%})",
            f"{'class':<{width}}  precision  recall     f1  support",
        ]
        for scores in self.per_class:
            shown = f"{_share(scores.precision):>9}  {_share(scores.recall):>6}  {_share(scores.f1):>5}"
            lines.append(f"{scores.name:<{width}}  {shown}  {scores.support:>7}")
        lines.append("confusion: true class a row, predicted class a column")
        lines += [
            f"{scores.name:<{width}}  {' '.join(f'{count:>6}' for count in row)}"
            for scores, row in zip(self.per_class, self.confusion, strict=True)
        ]
        return "\n".join(lines)


def evaluate_classifier(
    classifier: Classifier,
    dataset: Dataset,
    split: str = "test",
    *,
    device: str = "cpu",
    progress: Progress = ignore,
) -> ClassifierReport:
    """The classifier's report on one split.

    Raises:
        BadClassifier: its classes are not those of the data set, or the split has no image.
        BadDataset: the data set has no labels.
    """
    check_labelled(dataset.name, dataset.classes)
    if classifier.spec.classes != dataset.classes:
        raise BadClassifier(
            f"{classifier.name} tells apart {', '.join(classifier.spec.classes)}; {dataset.name} has"
            f" {', '.join(dataset.classes)}: name the classes alike and in the same order"
        )
    indices = dataset.indices(split)
    if len(indices) == 0:
        raise BadClassifier(f"{dataset.name} has no image in the split {split!r}; name another split")
    probs = probabilities(load_model(classifier, device), dataset, indices, progress=progress)
    k = len(dataset.classes)
    confusion = np.zeros((k, k), dtype=np.int64)
    np.add.at(confusion, (dataset.labels[indices], probs.argmax(axis=1)), 1)
    n, n_right = len(indices), int(np.trace(confusion))
    return ClassifierReport(
        classifier_id=classifier.id,
        dataset_id=dataset.id,
        split=split,
        n=n,
        accuracy=n_right / n,
        interval=wilson_interval(n_right, n),
        per_class=tuple(_scores(name, label, confusion) for label, name in enumerate(dataset.classes)),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
    )


def probabilities(
    model: PixelModel, dataset: Dataset, indices: np.ndarray, *, progress: Progress = ignore
) -> np.ndarray:
    """The classifier's probabilities (n, K) for these items, float32, on their stored levels."""
    parts = []
    with model.frozen(), torch.no_grad():
        for start in range(0, len(indices), _BATCH):
            rows = indices[start : start + _BATCH]
            pixels = [fit_levels(dataset.levels(i), dataset.items[i].bits, model.spec) for i in rows]
            x = torch.from_numpy(np.stack(pixels)).to(model.mean.device)
            x = x.contiguous(memory_format=torch.channels_last)
            parts.append(model(x).softmax(dim=1).cpu().numpy())
            progress(min(start + _BATCH, len(indices)), len(indices), "classifying images")
    return np.concatenate(parts) if parts else np.empty((0, len(model.spec.classes)), dtype=np.float32)


def wilson_interval(n_right: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, which stays within [0, 1] and is honest for few images.

    Wilson 1927, doi:10.1080/01621459.1927.10502953, without continuity correction. (0, 1) when n is 0.
    """
    if n == 0:
        return 0.0, 1.0
    share = n_right / n
    centre = share + _Z**2 / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    scale = 1 + _Z**2 / n
    return max(0.0, (centre - reach) / scale), min(1.0, (centre + reach) / scale)


def _scores(name: str, label: int, confusion: np.ndarray) -> ClassScores:
    right, support, predicted = (
        int(confusion[label, label]),
        int(confusion[label].sum()),
        int(confusion[:, label].sum()),
    )
    return ClassScores(
        name=name,
        precision=right / predicted if predicted else None,
        recall=right / support if support else None,
        f1=2 * right / (support + predicted) if support and predicted else None,
        support=support,
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
