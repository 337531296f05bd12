"""Probabilities of images by classifiers that did not learn from them."""

import shutil
from pathlib import Path

import numpy as np

from datasets.atomic import content_id, replacing
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from datasets.view import seen_as
from pipeline.evaluation import probabilities
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import trained

OTHERS = "test"  # In a view, the split of what a fold does not learn from.


def out_of_fold(
    dataset: Dataset,
    rows: np.ndarray,
    settings: TrainingSettings,
    *,
    n_folds: int,
    work: Path,
    progress: Progress = ignore,
) -> np.ndarray:
    """The probabilities (n, K) of each of the rows by a classifier of the other folds.

    Look-alikes lie in one fold: a classifier that learned from a copy would know the label by heart.
    """
    fold = folds(dataset, rows, n_folds, seed=settings.seed)
    told = np.empty((len(rows), len(dataset.classes)), dtype=np.float32)
    for k in range(n_folds):
        rest, held = rows[fold != k], rows[fold == k]
        told[fold == k] = judged_by(dataset, rest, held, settings, work=work, progress=_of(progress, k, n_folds))
    return told


def judged_by(
    dataset: Dataset,
    learned: np.ndarray,
    asked: np.ndarray,
    settings: TrainingSettings,
    *,
    work: Path,
    progress: Progress = ignore,
) -> np.ndarray:
    """The probabilities (n, K) of some items by a classifier that learned from others, and is not kept.

    They lie in `work` until the caller removes it: one that was killed does not train again what it had.
    """
    view = seen_as(dataset, {OTHERS: asked, "train": learned})
    folder = work / content_id([view.id, settings.to_json()])
    file = folder.with_suffix(".npy")
    if not file.exists():
        told = probabilities(trained(view, settings, folder, progress=progress).model, dataset, asked)
        with replacing(file) as beside, beside.open("wb") as out:
            np.save(out, told)
        shutil.rmtree(folder)
    probs: np.ndarray = np.load(file)
    return probs


def folds(dataset: Dataset, rows: np.ndarray, n_folds: int, *, seed: int) -> np.ndarray:
    """The fold of each row, (n,) int64: groups stay together, and every class is spread evenly."""
    rng = np.random.default_rng(seed)
    groups, labels = dataset.groups[rows], dataset.labels[rows]
    fold_of: dict[int, int] = {}
    taken = np.zeros((len(dataset.classes), n_folds), dtype=np.int64)
    for place in rng.permutation(len(rows)).tolist():
        group, label = int(groups[place]), int(labels[place])
        if group not in fold_of:
            fold_of[group] = int(taken[label].argmin())
        taken[label, fold_of[group]] += 1
    return np.array([fold_of[int(group)] for group in groups], dtype=np.int64)


def _of(progress: Progress, k: int, n_folds: int) -> Progress:
    def told(done: int, total: int, what: str) -> None:
        progress(k * total + done, n_folds * total, f"fold {k + 1} of {n_folds}: {what}")

    return told
