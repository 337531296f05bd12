"""The tree of errors that the package raises."""

import pytest

from datasets import errors

CLASSES = [value for value in vars(errors).values() if isinstance(value, type)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_is_a_dataset_error_and_drawn_in_the_tree(error):
    assert issubclass(error, errors.DatasetError)
    assert error.__name__ in (errors.__doc__ or "")


def test_a_dataset_error_is_a_value_error():
    assert issubclass(errors.DatasetError, ValueError)
