"""What the tests of poisoning share."""

import pytest

from tests.pipeline.poisoning.pictures import pictures


@pytest.fixture
def dataset(tmp_path):
    return pictures(tmp_path / "datasets")
