"""The small data set and classifier of `artefacts.py`, once a module."""

import pytest

from datasets.store import Dataset
from pipeline.models.files import Classifier
from tests.pipeline.adversarial.artefacts import small_classifier, small_dataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    return small_classifier(tmp_path_factory.mktemp("models"))
