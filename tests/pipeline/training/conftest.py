"""What the tests of training share."""

import pytest

from tests.pipeline.training.small_dataset import small_dataset


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path / "datasets")
