"""What the tests of training share."""

import pytest
import torch

from tests.pipeline.training.small_dataset import small_dataset


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path / "datasets")


@pytest.fixture
def one_thread():
    """The same number of threads as the child process has: sums are then taken in the same order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
