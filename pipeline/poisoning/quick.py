"""How the poisoning lab trains: quick, the same for the clean and the poisoned model, and without changing images."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from datasets.store import Dataset
from pipeline.models.spec import MIN_SIDES
from pipeline.training.hardening_settings import FAST, HardeningSettings
from pipeline.training.settings import Augmentation, TrainingSettings

# Up to this side a picture is a digit or an icon, in which every pixel counts.
_SMALL = 64
# Scans are shown smaller: two trainings must end while somebody waits. A trigger of few pixels is averaged with it.
_SCAN = 128
_SMALL_EPS = 0.2
# Of the epochs of a classifier, for those that judge. Chosen on brain MRI with 20 % of one class flipped (seed 3): with
# 16 epochs they had 93.4 % of the scans right and contradicted 78 % of the flips, with 40 95.6 % and 86 %.
_LONGER = 2.5
_STILL = Augmentation(flip=0.0, rotation=0.0, scale=0.0, shift=0.0, contrast=0.0, brightness=0.0)


def quick_settings(dataset: Dataset, *, seed: int = 0) -> TrainingSettings:
    """Settings for a data set's size of images.

    Nothing is mirrored, turned or toned: a trigger in a corner would not stay there, and digits have a left and a
    right. No label is smoothed, so that the loss of a wrong label shows.
    """
    side = _side(dataset)
    if side <= _SMALL:
        return TrainingSettings(
            architecture="SmallCNN",
            size=max(side, MIN_SIDES["SmallCNN"]),
            epochs=6,
            batch_size=64,
            averaging=0.99,
            label_smoothing=0.0,
            seed=seed,
            augmentation=_STILL,
        )
    return TrainingSettings(size=_SCAN, epochs=12, label_smoothing=0.0, seed=seed, augmentation=_STILL)


def judging_settings(settings: TrainingSettings, dataset: Dataset) -> TrainingSettings:
    """How models are trained whose only task is to judge labels: alike, but scans are moved and toned as is usual.

    So they learn single labels less by heart, and no mark of a few pixels. Scans that differ in every epoch take more
    of them to learn. Small pictures stay as they are.
    """
    if _side(dataset) <= _SMALL:
        return settings
    own, usual = asdict(settings.augmentation), asdict(Augmentation())
    moved = Augmentation(**{name: max(own[name], usual[name]) for name in usual})
    if moved == settings.augmentation:
        return settings  # Whoever chose the epochs knew that scans are moved.
    return replace(settings, augmentation=moved, epochs=round(_LONGER * settings.epochs))


def quick_hardening(dataset: Dataset) -> HardeningSettings:
    """How a proxy is hardened that clean-label images are perturbed under.

    The radius of small pictures is that of the measured digits; larger ones get the usual one of a training.
    """
    if _side(dataset) <= _SMALL:
        return HardeningSettings(method=FAST, eps=_SMALL_EPS)
    return HardeningSettings(method=FAST)


def settings_like(notes: Mapping[str, Any], dataset: Dataset) -> TrainingSettings:
    """How a classifier was trained, by its notes, so that one can be trained alike.

    Where they do not say, as of one that was imported, it is what suits the size of the images.

    Raises:
        BadTraining: the notes name a setting or a value that no training takes.
    """
    own: Mapping[str, Any] | None = notes.get("settings")
    return quick_settings(dataset) if own is None else TrainingSettings.from_json(dict(own))


def _side(dataset: Dataset) -> int:
    return max(max(item.shape[:2]) for item in dataset.items)
