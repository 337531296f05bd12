"""What finders of poison are shown of a data set: pictures, labels, features, and what other models think."""

from collections.abc import Iterator
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
from pipeline.poisoning.chance import MORE_EPOCHS, Learning, learning
from pipeline.poisoning.out_of_fold import judged_by, out_of_fold
from pipeline.poisoning.search_trainings import N_FOLDS, N_TRUSTED_FOLDS, for_few
from pipeline.poisoning.shown import shown
from pipeline.poisoning.trusted import check_covers
from pipeline.training.settings import TrainingSettings

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Gathered:
    """Evidence, of which items its rows are, and whether the models that gave it are better than chance."""

    rows: np.ndarray
    evidence: Evidence
    learning: tuple[Learning, ...] = ()


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
        settings: of the classifiers of the folds and of the reference; `judging_settings` has what is usual.
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
    model = load_model(classifier)
    features, logits = _looked_at(model, dataset, rows, progress)
    probs = out_of_fold(dataset, rows, settings, n_folds=N_FOLDS, work=work, progress=progress)
    reference = _reference(dataset, rows, trusted, settings, work, progress) if len(trusted) else None
    evidence = Evidence(
        pixels=_pixels(dataset, rows, model),
        labels=dataset.labels[rows],
        n_classes=len(dataset.classes),
        trusted=np.isin(rows, trusted),
        features=features,
        probs=probs,
        reference_probs=reference,
    )
    return Gathered(rows, evidence, tuple(_learning(evidence, logits)))


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


def _learning(evidence: Evidence, logits: np.ndarray) -> Iterator[Learning]:
    """Of each model that was asked; on labels as given but for those that somebody vouches for."""
    given, asked = "training images as labelled", "look again with more epochs"
    yield learning("the classifier", logits, evidence.labels, images=given, step=MORE_EPOCHS)
    if evidence.probs is not None:
        yield learning("the models of the other folds", evidence.probs, evidence.labels, images=given, step=asked)
    if evidence.reference_probs is not None:
        known = evidence.trusted
        yield learning(
            "the trusted reference",
            evidence.reference_probs[known],
            evidence.labels[known],
            images="trusted images, each by a model that did not learn from it",
            step=f"vouch for more images of each class, or {asked}",
        )


@torch.no_grad()
def _looked_at(
    model: PixelModel, dataset: Dataset, rows: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """The penultimate vectors (n, D) and the logits (n, K)."""
    found, answers = [], []
    with model.frozen(channels_last=True):
        for start in range(0, len(rows), _BATCH):
            x = shown(model, dataset, rows[start : start + _BATCH].tolist())
            features, logits = model.features_and_logits(x)
            found.append(features.cpu().numpy())
            answers.append(logits.cpu().numpy())
            progress(min(start + _BATCH, len(rows)), len(rows), "looking at features")
    return np.concatenate(found), np.concatenate(answers)


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
