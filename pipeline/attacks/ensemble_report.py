"""The robust accuracy of a classifier on a data set, by the strong reference."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby

import numpy as np
import torch

from datasets.image import to_unit
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.attacks.ensemble import CLEAN, Ensemble, Worst, joined, worst_case
from pipeline.attacks.ensemble_checks import ModelSigns, flags, signs
from pipeline.attacks.square import Square
from pipeline.errors import BadClassifier
from pipeline.evaluation import wilson_interval
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model

N_IMAGES = 200
# Small enough that progress moves; larger ones save no time on a CPU.
_BATCH = 16


@dataclass(frozen=True)
class Stage:
    """What one attack of the ensemble did: it was tried on what was robust before it."""

    attack: str
    n_tried: int
    n_fooled: int
    n_robust: int


@dataclass(frozen=True)
class ImageVerdict:
    """One image: the first attack that fooled the classifier, "" for none, and the largest change on the file."""

    index: int
    name: str
    label: int
    fooled_by: str
    fooled_by_float: str
    linf: float


@dataclass(frozen=True)
class RobustnessReport:
    """Accuracy on clean images and after the worst of all attacks, of the same n images.

    `robust_accuracy` is judged on files, `robust_accuracy_float` on pixels that need not be levels. The intervals
    are 95 % Wilson. `flags` say why the figures may promise too much.
    """

    classifier_id: str
    dataset_id: str
    split: str
    n: int
    eps: float
    ensemble: dict[str, object]
    seed: int
    clean_accuracy: float
    clean_interval: tuple[float, float]
    robust_accuracy: float
    robust_interval: tuple[float, float]
    robust_accuracy_float: float
    stages: tuple[Stage, ...]
    flags: tuple[str, ...]
    images: tuple[ImageVerdict, ...]

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        return asdict(self)

    def table(self) -> str:
        """The report as text, one attack a line, to be read in a terminal."""
        low, high = self.robust_interval
        lines = [
            f"robust accuracy {self.robust_accuracy:.2%} of {self.n} images at eps {self.eps * 255:g}/255"
            f" (95 % interval {low:.2%} to {high:.2%})",
            f"clean accuracy {self.clean_accuracy:.2%}; robust to pixels that are no levels"
            f" {self.robust_accuracy_float:.2%}",
            f"{'attack':<8}  {'tried on':>8}  {'fooled':>6}  {'still robust':>12}",
        ]
        lines += [
            f"{stage.attack:<8}  {stage.n_tried:>8}  {stage.n_fooled:>6}  {stage.n_robust / self.n:>12.2%}"
            for stage in self.stages
        ]
        return "\n".join([*lines, *(f"warning: {flag}" for flag in self.flags)])


def evaluate_robustness(
    classifier: Classifier,
    dataset: Dataset,
    ensemble: Ensemble,
    *,
    split: str = "test",
    n_images: int = N_IMAGES,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = ignore,
) -> RobustnessReport:
    """The classifier's robust accuracy on at most `n_images` of one split, spread evenly over it.

    Raises:
        BadClassifier: its classes are not those of the data set, or the split has no image.
        BadAttack: a value is not allowed.
    """
    if classifier.spec.classes != dataset.classes:
        raise BadClassifier(
            f"{classifier.name} tells apart {', '.join(classifier.spec.classes)}; {dataset.name} has"
            f" {', '.join(dataset.classes)}: name the classes alike and in the same order"
        )
    indices = _spread(dataset.indices(split), n_images)
    if not len(indices):
        raise BadClassifier(f"{dataset.name} has no image in the split {split!r}; name another split")
    model = load_model(classifier, device)
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it.
    order, columns, seen = _judged(model, dataset, indices, ensemble, seed, progress)
    return _report(classifier, dataset, split, ensemble, seed, order, columns, seen)


def _spread(indices: np.ndarray, n: int) -> np.ndarray:
    """At most n of them at even distances, so that a split sorted by class keeps its shares."""
    return indices[np.arange(min(n, len(indices))) * len(indices) // min(n, len(indices))] if len(indices) else indices


def _judged(
    model: PixelModel, dataset: Dataset, indices: np.ndarray, ensemble: Ensemble, seed: int, progress: Progress
) -> tuple[list[int], dict[str, np.ndarray], ModelSigns]:
    """The images in the order of their shapes, what was found for each, and what the model shows."""

    def kind(i: int) -> tuple[int, int, int, int]:
        return (*dataset.items[i].shape, dataset.items[i].bits)

    order = sorted((int(i) for i in indices), key=kind)
    parts: list[Worst] = []
    seen, done = ModelSigns(), 0
    for (_, _, _, bits), group in groupby(order, key=kind):
        same = list(group)
        for rows in (same[start : start + _BATCH] for start in range(0, len(same), _BATCH)):
            levels, y = np.stack(dataset.batch(rows)), np.array([dataset.items[i].label for i in rows])
            x = torch.from_numpy(to_unit(levels, bits)).permute(0, 3, 1, 2).to(model.mean.device)
            with model.frozen():
                seen = seen.and_of(signs(model, x, torch.from_numpy(y).to(x.device)))
            parts.append(
                worst_case(
                    model,
                    ensemble,
                    levels,
                    bits,
                    y,
                    pixels_sha256=[dataset.items[i].pixels_sha256 for i in rows],
                    seed=seed,
                    batch_size=_BATCH,
                    progress=_shifted(progress, done, len(order), len(rows)),
                )
            )
            done += len(rows)
    return order, joined(parts), seen


def _report(
    classifier: Classifier,
    dataset: Dataset,
    split: str,
    ensemble: Ensemble,
    seed: int,
    order: list[int],
    columns: dict[str, np.ndarray],
    seen: ModelSigns,
) -> RobustnessReport:
    n, by = len(order), columns["fooled_by"]
    n_clean, n_robust = int((by != CLEAN).sum()), int((by == "").sum())
    stages, left = [], n_clean
    for attack in ensemble.attacks:
        fooled = int((by == attack.NAME).sum())
        stages.append(Stage(attack.NAME, left, fooled, left - fooled))
        left -= fooled
    images = [
        ImageVerdict(
            index=index,
            name=dataset.items[index].name,
            label=dataset.items[index].label,
            fooled_by=str(columns["fooled_by"][row]),
            fooled_by_float=str(columns["fooled_by_float"][row]),
            linf=float(columns["linf"][row]),
        )
        for row, index in enumerate(order)
    ]
    return RobustnessReport(
        classifier_id=classifier.id,
        dataset_id=dataset.id,
        split=split,
        n=n,
        eps=ensemble.eps,
        ensemble=asdict(ensemble),
        seed=seed,
        clean_accuracy=n_clean / n,
        clean_interval=wilson_interval(n_clean, n),
        robust_accuracy=n_robust / n,
        robust_interval=wilson_interval(n_robust, n),
        robust_accuracy_float=int((columns["fooled_by_float"] == "").sum()) / n,
        stages=tuple(stages),
        flags=flags(seen, n_nan=int(columns["nan"].sum()), n_square=int((by == Square.NAME).sum())),
        images=tuple(sorted(images, key=lambda image: image.index)),
    )


def _shifted(progress: Progress, before: int, total: int, n: int) -> Callable[[int, int, str], None]:
    """Progress of a batch, told in images of the whole run."""

    def told(done: int, of: int, message: str) -> None:
        progress(before + done * n // of, total, message)

    return told
