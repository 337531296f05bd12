"""What the tests of data sets share."""

import pytest

from tests.datasets.jailed_children import none_left


@pytest.fixture
def empty_jail():
    """No child of an earlier test serves any more."""
    assert none_left()
