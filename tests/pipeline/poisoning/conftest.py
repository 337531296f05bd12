"""What the tests of poisoning share."""

from dataclasses import replace

import pytest

from pipeline.artefacts import DataRoot
from pipeline.poisoning.quick import quick_settings
from tests.pipeline.poisoning.pictures import pictures


@pytest.fixture
def dataset(tmp_path):
    return pictures(tmp_path / "datasets")


@pytest.fixture
def root(tmp_path):
    """The data root that `dataset` lies in."""
    return DataRoot(tmp_path)


@pytest.fixture
def settings(dataset):
    """A training of seconds."""
    return replace(quick_settings(dataset), epochs=4, batch_size=16)
