"""What finders of poison are shown of a data set: pictures, labels, features, and what other models think."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from datasets.image import to_unit
from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from detector.poisoned.interface import Evidence
from pipeline.errors import BadPoison
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model
from pipeline.models.resize import fit_levels
from pipeline.poisoning.out_of_fold import judged_by, out_of_fold
from pipeline.poisoning.quick import for_few, judging_settings
from pipeline.poisoning.shown import shown
from pipeline.poisoning.trusted import check_covers
from pipeline.training.settings import TrainingSettings

_BATCH = 64
N_FOLDS, N_TRUSTED_FOLDS = 4, 3


@dataclass(frozen=True, eq=False)
class Gathered:
    """Evidence, and of which items its rows are."""

    rows: np.ndarray
    evidence: Evidence


def gather(
    dataset: Dataset,
    classifier: Classifier,
    trusted: np.ndarray,
    settings: TrainingSettings,
    *,
    work: Path,
    progress: Progress = ignore,
) -> Gathered:
    """Everything that finders can be shown of the split "train".

    Args:
        dataset: the suspected one.
        classifier: that was trained on it, for its features.
        trusted: items that are vouched for, (m,) int64; empty for none, and there is no reference then.
        settings: of the classifiers of the folds and of the reference, but for what `judging_settings` changes.
        work: for what is trained meanwhile.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the classifier is of other classes, or a class has too few trusted images.
    """
    if classifier.spec.classes != dataset.classes:
        raise BadPoison(
            f"{classifier.name} tells apart {', '.join(classifier.spec.classes)}; {dataset.name} has"
            f" {', '.join(dataset.classes)}: choose the classifier that was trained on it"
        )
    rows = dataset.indices("train")
    if len(trusted):
        check_covers(dataset, trusted)
    model, judging = load_model(classifier), judging_settings(settings, dataset)
    features = _features(model, dataset, rows, progress)
    probs = out_of_fold(dataset, rows, judging, n_folds=N_FOLDS, work=work, progress=progress)
    reference = _reference(dataset, rows, trusted, judging, work, progress) if len(trusted) else None
    evidence = Evidence(
        pixels=_pixels(dataset, rows, model),
        labels=dataset.labels[rows],
        n_classes=len(dataset.classes),
        trusted=np.isin(rows, trusted),
        features=features,
        probs=probs,
        reference_probs=reference,
    )
    return Gathered(rows, evidence)


def _reference(
    dataset: Dataset,
    rows: np.ndarray,
    trusted: np.ndarray,
    settings: TrainingSettings,
    work: Path,
    progress: Progress,
) -> np.ndarray:
    """The probabilities (n, K) by a model of the trusted images alone; of these themselves out of fold."""
    few, told = for_few(settings, len(trusted)), called(progress, "trusted images alone")
    probs = judged_by(dataset, trusted, rows, few, work=work, progress=told)
    own = out_of_fold(dataset, trusted, few, n_folds=N_TRUSTED_FOLDS, work=work, progress=told)
    place = {int(index): at for at, index in enumerate(rows.tolist())}
    probs[[place[int(index)] for index in trusted.tolist()]] = own
    return probs


@torch.no_grad()
def _features(model: PixelModel, dataset: Dataset, rows: np.ndarray, progress: Progress) -> np.ndarray:
    """The penultimate vectors (n, D)."""
    found = []
    with model.frozen(channels_last=True):
        for start in range(0, len(rows), _BATCH):
            x = shown(model, dataset, rows[start : start + _BATCH].tolist())
            found.append(model.features_and_logits(x)[0].cpu().numpy())
            progress(min(start + _BATCH, len(rows)), len(rows), "looking at features")
    return np.concatenate(found)


def _pixels(dataset: Dataset, rows: np.ndarray, model: PixelModel) -> np.ndarray:
    """The pictures (n, H, W, C) in 8 bits: of their own size where they are of one, else as the classifier sees them.

    A trigger of a few pixels is lost where a picture is made smaller.
    """
    items = [dataset.items[index] for index in rows.tolist()]
    same = len({item.shape for item in items}) == 1
    told = []
    for index, item in zip(rows.tolist(), items, strict=True):
        levels = dataset.levels(index)
        seen = to_unit(levels, item.bits) if same else fit_levels(levels, item.bits, model.spec).transpose(1, 2, 0)
        told.append(np.rint(255 * seen).astype(np.uint8))
    return np.stack(told)
