from dataclasses import replace

import numpy as np
import pytest

from pipeline.evaluation import evaluate_classifier
from pipeline.models.files import load_model
from pipeline.poisoning.answers import Answers, answers
from pipeline.poisoning.quick import quick_settings
from pipeline.poisoning.success import predicted
from pipeline.poisoning.triggers import Trigger
from pipeline.training.train import train_classifier

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def classifier(dataset, tmp_path):
    settings = replace(quick_settings(dataset), epochs=1, batch_size=16)
    return train_classifier(dataset, settings, tmp_path / "models", work=tmp_path / "work", name="one")


def test_answers_are_those_of_the_report_and_survive_json(dataset, classifier):
    told = answers(dataset, {"clean": classifier})
    assert told.items.tolist() == dataset.indices("test").tolist()
    right = float((told.classes["clean"] == dataset.labels[told.items]).mean())
    assert right == evaluate_classifier(classifier, dataset).accuracy
    assert (told.probabilities["clean"] >= 1 / 3).all()
    again = Answers.from_json(told.to_json())
    np.testing.assert_array_equal(again.classes["clean"], told.classes["clean"])
    np.testing.assert_allclose(again.probabilities["clean"], told.probabilities["clean"], atol=5e-5)


def test_answers_to_a_trigger_are_those_that_success_counts(dataset, classifier):
    trigger = Trigger(height=6, width=6)
    told = answers(dataset, {"one": classifier}, trigger=trigger)
    rows = dataset.indices("test").tolist()
    assert told.classes["one"].tolist() == predicted(load_model(classifier), dataset, rows, trigger=trigger).tolist()
