import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.errors import BadClassifier
from pipeline.evaluation import evaluate_classifier, probabilities, wilson_interval
from pipeline.models.files import Classifier, load_model, save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.training.train import TrainingSettings, spec_for
from tests.pipeline.training.small_dataset import CLASSES, small_dataset


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path / "datasets")


def _always(label: int, root: Path, classes: tuple[str, ...] = CLASSES) -> Classifier:
    """A classifier that answers one class whatever it sees."""
    model = build_model(default_spec("SequentialCNN", classes=classes, channels=1, height=16, width=16))
    with torch.no_grad():
        model.network.head[1].weight.zero_()
        model.network.head[1].bias.zero_()[label] = 5.0
    return save_classifier(model, root, name="always")


def test_one_answer_for_all_scores_as_computed_by_hand(dataset, tmp_path):
    report = evaluate_classifier(_always(1, tmp_path / "models"), dataset)
    assert (report.n, report.accuracy) == (12, 0.5)
    assert report.confusion == ((0, 6), (0, 6))
    dark, bright = report.per_class
    assert (dark.precision, dark.recall, dark.f1, dark.support) == (None, 0.0, None, 6)
    assert (bright.precision, bright.recall, bright.f1, bright.support) == (0.5, 1.0, 2 / 3, 6)


def test_the_report_is_json_and_text(dataset, tmp_path):
    report = evaluate_classifier(_always(1, tmp_path / "models"), dataset, "val")
    assert json.loads(json.dumps(report.to_json()))["split"] == "val"
    lines = report.table().splitlines()
    assert lines[0].startswith("accuracy 50.00% of 8 images (95 % interval ")
    assert lines[2].split() == ["dark", "-", "0.000", "-", "4"]
    assert lines[-1].split() == ["bright", "0", "4"]


def test_probabilities_are_of_the_items_asked_for_in_their_order(dataset, tmp_path):
    model = build_model(spec_for(dataset, TrainingSettings(size=16)))
    told = []
    forward = probabilities(model, dataset, np.array([0, 5]), progress=lambda *one: told.append(one))
    np.testing.assert_allclose(probabilities(model, dataset, np.array([5, 0])), forward[::-1], rtol=1e-5)
    np.testing.assert_allclose(forward.sum(axis=1), 1, rtol=1e-5)
    assert told == [(2, 2, "classifying images")]
    assert model.training


def test_no_items_have_no_probabilities(dataset, tmp_path):
    model = load_model(_always(0, tmp_path / "models"))
    assert probabilities(model, dataset, np.array([], dtype=np.int64)).shape == (0, 2)


def test_other_classes_are_refused(dataset, tmp_path):
    with pytest.raises(BadClassifier, match="name the classes alike"):
        evaluate_classifier(_always(0, tmp_path / "models", ("bright", "dark")), dataset)


def test_an_empty_split_is_refused(dataset, tmp_path):
    with pytest.raises(BadClassifier, match="no image in the split 'calibration'"):
        evaluate_classifier(_always(0, tmp_path / "models"), dataset, "calibration")


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    # Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(n_right, n, low, high):
    assert wilson_interval(n_right, n) == pytest.approx((low, high), abs=5e-5)


def test_nothing_seen_leaves_everything_possible():
    assert wilson_interval(0, 0) == (0.0, 1.0)
