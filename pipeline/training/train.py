"""From a data set to a classifier on disk."""

import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from datasets.atomic import content_id
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.errors import BadTraining
from pipeline.models.adapter import PixelModel
from pipeline.models.device import chosen_device
from pipeline.models.files import Classifier, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.models.spec import ClassifierSpec
from pipeline.provenance.event import UNNAMED, EventKind, Parent, indices_digest
from pipeline.provenance.record import checked, recorded
from pipeline.training.checkpoint import Checkpoint, EpochResult
from pipeline.training.hardening_settings import check_hardening
from pipeline.training.loop import Training
from pipeline.training.robustness_notes import robustness_notes
from pipeline.training.samples import prepare
from pipeline.training.settings import TrainingSettings


def train_classifier(
    dataset: Dataset,
    settings: TrainingSettings,
    root: Path,
    *,
    work: Path,
    name: str,
    imagenet: Path | None = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
    each_epoch: Callable[[EpochResult], None] | None = None,
) -> Classifier:
    """Train on the split "train", choose the epoch on "val", and write the classifier to `root/<id>`.

    Killed and called again with the same data set, settings and `work`, it goes on after the last whole epoch and ends
    with the same weights, on such a machine. Without validation images the last epoch is kept; a hardening needs some.

    Args:
        dataset: the other splits are not read.
        settings: how.
        root: the folder of all classifiers, `models` of the data root.
        work: holds prepared images and the checkpoint; emptied of them at the end.
        name: for people.
        imagenet: file of ImageNet weights to start from, instead of torch hub's cache.
        by: who trains, for the history.
        progress: called every batch; it may raise to cancel.
        each_epoch: told what came of an epoch once that is kept; those of an earlier life are not told again.

    Raises:
        BadDataset: the data set has no labels.
        BrokenHistory: the data set is not what its history says.
        BadTraining: a class has no training image, a hardening no validation images, or the loss is no number.
        BadDevice: there is no such device here.
        BadClassifier: unknown architecture, or the size is too small for it.
        MissingWeights: ImageNet weights are asked for and not on this machine.
    """
    parent = checked(dataset.folder)
    folder = work / content_id({"dataset": dataset.id, "settings": settings.to_json()})
    training = trained(dataset, settings, folder, imagenet=imagenet, progress=progress, each_epoch=each_epoch)
    notes = {**_notes(training), "made_of": parent.to_json()}
    classifier = save_classifier(training.model, root, name=name, parents=(dataset.id,), notes=notes)
    _record(classifier, training, dataset, parent, by)
    shutil.rmtree(folder)
    return classifier


def trained(
    dataset: Dataset,
    settings: TrainingSettings,
    folder: Path,
    *,
    imagenet: Path | None = None,
    progress: Progress = ignore,
    each_epoch: Callable[[EpochResult], None] | None = None,
) -> Training:
    """The training when it is over, its model with the best weights: no artefact, and no part of a history.

    What it goes on from when it was killed lies in `folder`, for the caller to remove. Raises as `train_classifier`.
    """
    _check_classes(dataset)
    check_hardening(dataset, settings.hardening)
    model = _model(spec_for(dataset, settings), settings, imagenet)
    folder.mkdir(parents=True, exist_ok=True)
    samples = prepare(dataset, "train", model.spec, folder / "train.npy", progress)
    val = prepare(dataset, "val", model.spec, folder / "val.npy", progress)
    training = Training(model, settings, samples, val)
    _run(training, folder / "checkpoint.pt", progress, each_epoch)
    model.network.load_state_dict(training.best)
    return training


def spec_for(dataset: Dataset, settings: TrainingSettings) -> ClassifierSpec:
    """What a classifier of this data set takes: grey where every image is grey, RGB otherwise."""
    return default_spec(
        settings.architecture,
        classes=dataset.classes,
        channels=max(item.shape[2] for item in dataset.items),
        height=settings.size,
        width=settings.size,
    )


def _record(classifier: Classifier, training: Training, dataset: Dataset, parent: Parent, by: str) -> None:
    learned = indices_digest(dataset.indices("train"))
    facts = {"settings": training.settings.to_json(), "best_epoch": training.best_epoch, "indices": learned}
    root = DataRoot(classifier.folder.parent.parent)
    recorded(classifier.folder, root, EventKind.TRAINING, by=by, facts=facts, parents=(parent,))


def _notes(training: Training) -> dict[str, object]:
    return {
        "origin": "trained",
        "settings": training.settings.to_json(),
        "best_epoch": training.best_epoch,
        "history": [result.to_json() for result in training.history],
        **robustness_notes(training),
        "n_train": len(training.samples),
        "n_val": len(training.val),
    }


def _model(spec: ClassifierSpec, settings: TrainingSettings, imagenet: Path | None) -> PixelModel:
    device = chosen_device(settings.device)
    model = build_model(spec, imagenet or settings.pretrained, seed=settings.seed)
    return model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return] # torch's stub lacks it.


def _run(training: Training, file: Path, progress: Progress, each_epoch: Callable[[EpochResult], None] | None) -> None:
    left = Checkpoint.read(file)
    if left is not None:
        training.take_up(left)
    while not training.finished:
        training.run_epoch(progress)
        training.checkpoint().write(file)
        if each_epoch is not None:
            each_epoch(training.history[-1])


def _check_classes(dataset: Dataset) -> None:
    check_labelled(dataset.name, dataset.classes)
    seen = {dataset.items[index].label for index in dataset.indices("train")}
    missing = [name for label, name in enumerate(dataset.classes) if label not in seen]
    if missing:
        raise BadTraining(
            f"{dataset.name}: no training image of {', '.join(missing)}; import more images of it, or give the split"
            " train a larger share"
        )
