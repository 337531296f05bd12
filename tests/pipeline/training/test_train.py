import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline.errors import BadClassifier, BadTraining
from pipeline.evaluation import evaluate_classifier
from pipeline.models.files import load_model
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import spec_for, train_classifier
from tests.pipeline.training.small_dataset import small_dataset

pytestmark = pytest.mark.usefixtures("one_thread")

_ROOT = Path(__file__).resolve().parents[3]
_SETTINGS = TrainingSettings(size=16, epochs=4, batch_size=8, device="cpu", patience=10)

# Killed without a chance to tidy up as soon as the second epoch has begun.
_KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from datasets.store import open_dataset
from tests.pipeline.training.test_train import train_here

torch.set_num_threads(1)
def kill(done, total, what):
    if done > 7 and "epoch 3" in what:
        os.kill(os.getpid(), signal.SIGKILL)
train_here(open_dataset(Path(sys.argv[1])), Path(sys.argv[2]), kill)
"""


class _CancelledError(Exception):
    pass


def train_here(dataset, folder, progress=lambda *told: None, settings=_SETTINGS):
    return train_classifier(dataset, settings, folder / "models", work=folder / "work", name="a", progress=progress)


def test_learns_what_is_there_to_learn(dataset, tmp_path):
    classifier = train_here(dataset, tmp_path, settings=TrainingSettings(size=16, epochs=8, batch_size=8, device="cpu"))
    assert evaluate_classifier(classifier, dataset).accuracy == 1.0
    assert classifier.parents == (dataset.id,)
    assert [result["epoch"] for result in classifier.notes["history"]] == list(range(8))
    assert classifier.notes["history"][-1]["val_accuracy"] == 1.0
    assert list((tmp_path / "work").iterdir()) == []


def test_killed_and_started_again_it_ends_with_the_same_weights(dataset, tmp_path):
    undisturbed = train_here(dataset, tmp_path / "undisturbed")
    disturbed = tmp_path / "disturbed"
    child = subprocess.run(
        [sys.executable, "-c", _KILLED, str(dataset.folder), str(disturbed)],
        cwd=_ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
        capture_output=True,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert not (disturbed / "models").exists()
    epochs = set()
    resumed = train_here(dataset, disturbed, lambda done, total, what: epochs.add(what.split(",")[0]))
    assert "epoch 1 of 4" not in epochs
    assert "epoch 3 of 4" in epochs
    assert resumed.id == undisturbed.id
    assert resumed.notes == undisturbed.notes


def test_a_cancel_passes_through_and_can_be_taken_up(dataset, tmp_path):
    def cancel(done, total, what):
        if "epoch 2" in what:
            raise _CancelledError

    with pytest.raises(_CancelledError):
        train_here(dataset, tmp_path, cancel)
    assert train_here(dataset, tmp_path).id == train_here(dataset, tmp_path / "other").id


def test_the_global_generator_is_left_alone(dataset, tmp_path):
    before = torch.get_rng_state()
    train_here(dataset, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_progress_is_told_every_batch_and_never_goes_back(dataset, tmp_path):
    told = []
    train_here(dataset, tmp_path, lambda done, total, what: told.append((done, total, what)))
    steps = [done for done, total, what in told if "epoch" in what]
    assert steps == sorted(steps)
    assert set(steps) == set(range(1, 13))
    assert told[-1][:2] == (12, 12)


def test_stops_when_validation_no_longer_improves(dataset, tmp_path):
    settings = TrainingSettings(size=16, epochs=30, batch_size=8, device="cpu", patience=1, learning_rate=0.5)
    classifier = train_here(dataset, tmp_path, settings=settings)
    history = classifier.notes["history"]
    losses = [result["val_loss"] for result in history]
    assert len(history) < 30
    assert classifier.notes["best_epoch"] == losses.index(min(losses)) == len(losses) - 2


def test_without_validation_images_the_last_epoch_is_kept(tmp_path):
    dataset = small_dataset(tmp_path / "datasets", n_val=0)
    assert train_here(dataset, tmp_path).notes["best_epoch"] == 3


def test_weights_themselves_are_kept_where_no_mean_is_asked_for(dataset, tmp_path):
    settings = TrainingSettings(size=16, epochs=2, batch_size=8, device="cpu", averaging=0)
    first = load_model(train_here(dataset, tmp_path, settings=settings)).network.state_dict()
    second = load_model(train_here(dataset, tmp_path)).network.state_dict()
    assert not torch.equal(first["head.1.weight"], second["head.1.weight"])


def test_colour_images_make_a_colour_classifier(tmp_path):
    dataset = small_dataset(tmp_path / "datasets", channels=3)
    assert spec_for(dataset, _SETTINGS).channels == 3
    assert evaluate_classifier(train_here(dataset, tmp_path), dataset).n == 12


def test_a_class_without_training_images_is_refused(tmp_path):
    dataset = small_dataset(tmp_path / "datasets", n_train=1)
    with pytest.raises(BadTraining, match="no training image of bright"):
        train_here(dataset, tmp_path)


def test_a_size_below_the_architectures_is_refused(dataset, tmp_path):
    with pytest.raises(BadClassifier, match="takes images from 32x32"):
        train_here(dataset, tmp_path, settings=TrainingSettings(architecture="resnet18", size=16))


def test_each_epoch_is_told_once_it_is_kept(dataset, tmp_path):
    told = []
    classifier = train_classifier(
        dataset, _SETTINGS, tmp_path / "models", work=tmp_path / "work", name="a", each_epoch=told.append
    )
    assert [result.to_json() for result in told] == classifier.notes["history"]
