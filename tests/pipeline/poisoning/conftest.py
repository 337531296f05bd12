"""What the tests of poisoning share."""

import pytest
import torch

from tests.pipeline.poisoning.pictures import pictures


@pytest.fixture
def dataset(tmp_path):
    return pictures(tmp_path / "datasets")


@pytest.fixture
def one_thread():
    """The same sums on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
