"""Hardened trainings from a data set to a classifier on disk."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.attacks.pgd import PGD
from pipeline.errors import BadTraining
from pipeline.models.files import load_model
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.loop import Training
from pipeline.training.robustness import N_WATCHED, RobustSlice
from pipeline.training.settings import Augmentation, TrainingSettings
from pipeline.training.train import train_classifier
from tests.pipeline.training.small_dataset import small_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

_ROOT = Path(__file__).resolve().parents[3]
_EPS = 8 / 255
_FAST = HardeningSettings(method="fast", eps=_EPS)
_PGD = HardeningSettings(method="pgd", eps=_EPS, steps=3)
_SHORT = TrainingSettings(size=16, epochs=4, batch_size=8, device="cpu", patience=10, hardening=_FAST)

_KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from datasets.store import open_dataset
from tests.pipeline.training.test_hardened_training import train_here

torch.set_num_threads(1)
def kill(done, total, what):
    if done > 7 and "epoch 3" in what:
        os.kill(os.getpid(), signal.SIGKILL)
train_here(open_dataset(Path(sys.argv[1])), Path(sys.argv[2]), progress=kill)
"""


def train_here(dataset, folder, settings=_SHORT, progress=lambda *told: None):
    return train_classifier(dataset, settings, folder / "models", work=folder / "work", name="a", progress=progress)


def two_signs(root: Path, *, side: int = 16) -> Dataset:
    """Two classes with two signs each, after Tsipras et al. 2019, arXiv:1805.12152.

    A bright half, 24 levels deep and right in nine images of ten, and a checkerboard of 3 levels that is always right.
    Who wants to be right learns the checkerboard, which 8 levels turn into the other; who wants to resist must not.
    """
    rng = np.random.default_rng(0)
    board = np.indices((side, side)).sum(0) % 2 * 2 - 1
    half = np.where(np.arange(side) < side // 2, 1, -1)[None, :]
    items = []
    with contextlib.closing(DatasetWriter(root)) as writer:
        for n, split in enumerate(["train"] * 160 + ["val"] * 40 + ["test"] * 60):
            sign = 2 * (n % 2) - 1
            shown = sign if rng.random() < 0.9 else -sign
            noise = rng.normal(0, 12, (side, side))
            levels = (128 + 24 * shown * half + 3 * sign * board + noise).clip(0, 255).astype(np.uint8)[:, :, None]
            writer.append(levels, 8)
            digest = pixels_sha256(levels, 8)
            items.append(Item(f"{n}.png", n % 2, split, n, digest, digest, levels.shape, 8))
        return writer.finish("two signs", ("left", "right"), tuple(items), {"kind": "test"}, {})


def _interrupted(*told, **named):
    raise KeyboardInterrupt


def robust_accuracy(classifier, dataset):
    indices = dataset.indices("test")
    pixels = np.stack([dataset.levels(index) for index in indices]).astype(np.float32) / 255
    x, y = torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.from_numpy(dataset.labels[indices]).long()
    found = PGD(eps=_EPS, steps=20)(load_model(classifier), x, y, seeds=list(range(len(x))))
    return 1 - found.success.float().mean().item()


def test_a_hardened_classifier_resists_what_fools_a_plain_one(tmp_path):
    dataset = two_signs(tmp_path / "datasets")
    still = Augmentation(flip=0, rotation=0, scale=0, shift=0, contrast=0, brightness=0)
    common = {"size": 16, "epochs": 6, "batch_size": 16, "device": "cpu", "averaging": 0.9, "augmentation": still}
    resisted = {}
    for how in (None, _FAST, _PGD):
        made = train_here(dataset, tmp_path / str(how and how.method), TrainingSettings(hardening=how, **common))
        resisted[how and how.method] = robust_accuracy(made, dataset)
    assert resisted[None] < 0.2
    assert min(resisted["fast"], resisted["pgd"]) > 0.7


@pytest.mark.parametrize("how", [_FAST, HardeningSettings(method="pgd", eps=_EPS, steps=3, share=0.5, warm_up=0)])
def test_killed_and_started_again_it_ends_with_the_same_weights(dataset, tmp_path, how, monkeypatch):
    settings = TrainingSettings(**{**vars(_SHORT), "hardening": how})
    undisturbed = train_here(dataset, tmp_path / "undisturbed", settings)
    disturbed = tmp_path / "disturbed"

    class StoppedError(Exception):
        pass

    def stop(done, total, what):
        if done > 7 and "epoch 3" in what:
            raise StoppedError

    if how is _FAST:
        child = subprocess.run(
            [sys.executable, "-c", _KILLED, str(dataset.folder), str(disturbed)],
            cwd=_ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
            capture_output=True,
        )
        assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    else:
        with pytest.raises(StoppedError):
            train_here(dataset, disturbed, settings, stop)
    epochs = set()
    resumed = train_here(dataset, disturbed, settings, lambda done, total, what: epochs.add(what.split(",")[0]))
    assert "epoch 1 of 4" not in epochs
    assert resumed.id == undisturbed.id
    assert resumed.notes == undisturbed.notes


def test_the_notes_say_how_it_was_hardened_and_what_it_resists(dataset, tmp_path):
    notes = train_here(dataset, tmp_path).notes
    assert notes["settings"]["hardening"] == _FAST.to_json()
    history, told = notes["history"], notes["robustness"]
    assert all(0 <= result["robust_accuracy"] <= 1 for result in history)
    assert told == {
        "attack": "pgd", "steps": 10, "eps": _EPS, "n": 8, "accuracy": history[notes["best_epoch"]]["robust_accuracy"]
    }  # fmt: skip
    assert notes["best_epoch"] >= 1


def test_a_plain_training_says_nothing_of_it(dataset, tmp_path):
    notes = train_here(dataset, tmp_path, TrainingSettings(size=16, epochs=1, batch_size=8, device="cpu")).notes
    assert "robustness" not in notes
    assert set(notes["history"][0]) == {"epoch", "loss", "accuracy", "val_loss", "val_accuracy"}


@pytest.fixture
def collapsing(monkeypatch):
    """Let the weights as they stand resist so, epoch by epoch, at one and the same accuracy on the training images."""

    def prepare(*accuracies):
        left, judged, fitted = iter(accuracies), RobustSlice.accuracy, Training._fit
        monkeypatch.setattr(
            RobustSlice, "accuracy", lambda self, n, tick: next(left) if n == N_WATCHED else judged(self, n, tick)
        )
        monkeypatch.setattr(Training, "_fit", lambda self, *told: (fitted(self, *told)[0], 0.75))

    return prepare


def test_a_collapse_ends_it_with_the_best_weights(dataset, tmp_path, collapsing):
    collapsing(0.1, 0.9, 0.3)
    notes = train_here(dataset, tmp_path).notes
    assert len(notes["history"]) == 3
    assert notes["best_epoch"] == 1
    assert notes["robustness"]["accuracy"] == notes["history"][1]["robust_accuracy"]
    assert notes["robustness"]["collapsed"] == (
        "catastrophic overfitting in epoch 3: under PGD, accuracy fell from 0.900 to 0.300 while that on the training"
        " images went from 0.750 to 0.750; stopped, and the weights of epoch 2 kept"
    )


def test_a_collapse_is_not_taken_up_again(dataset, tmp_path, collapsing, monkeypatch):
    collapsing(0.1, 0.9, 0.3)
    with monkeypatch.context() as stopped:
        stopped.setattr("pipeline.training.train.save_classifier", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            train_here(dataset, tmp_path)
    monkeypatch.setattr(Training, "run_epoch", _interrupted)
    assert "collapsed" in train_here(dataset, tmp_path).notes["robustness"]


def test_without_a_collapse_it_goes_on_to_the_end(dataset, tmp_path, collapsing):
    collapsing(0.1, 0.9, 0.46, 0.4)
    notes = train_here(dataset, tmp_path).notes
    assert len(notes["history"]) == 4
    assert "collapsed" not in notes["robustness"]


def test_patience_counts_from_the_whole_radius_on(dataset, tmp_path):
    how = HardeningSettings(method="fast", eps=0.4, warm_up=0.6)
    settings = TrainingSettings(size=16, epochs=10, batch_size=8, device="cpu", patience=1, hardening=how)
    assert len(train_here(dataset, tmp_path, settings).notes["history"]) > 6


def test_without_validation_images_it_is_refused(tmp_path):
    dataset = small_dataset(tmp_path / "datasets", n_val=0)
    with pytest.raises(BadTraining, match="brightness: no validation image, by which a hardening chooses its epoch"):
        train_here(dataset, tmp_path)


def test_a_cancel_passes_through_the_attack_on_validation_images(dataset, tmp_path):
    class CancelledError(Exception):
        pass

    def cancel(done, total, what):
        if what == "attacking epoch 1":
            raise CancelledError

    with pytest.raises(CancelledError):
        train_here(dataset, tmp_path, progress=cancel)
