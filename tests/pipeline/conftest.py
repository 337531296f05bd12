"""What the tests of the pipeline share."""

import pytest


@pytest.fixture
def one_thread():
    """The same sums on any number of cores, and in a child process that has one."""
    # Imported on demand: most tests here do without.
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
