import numpy as np
import pytest

from datasets.errors import UnknownItem
from datasets.view import seen_as
from tests.datasets.test_store import make


def test_shows_the_same_pictures_under_other_splits(tmp_path):
    dataset = make(tmp_path)
    view = seen_as(dataset, {"train": np.array([4, 2]), "test": np.array([0])})
    assert view.indices("train").tolist() == [2, 4]
    assert view.indices("test").tolist() == [0]
    assert view.indices("dropped").tolist() == [1, 3, 5]
    np.testing.assert_array_equal(view.levels(4), dataset.levels(4))
    assert dataset.indices("train").tolist() == [0, 1]


def test_other_splits_make_another_id_and_the_same_the_same(tmp_path):
    dataset = make(tmp_path)
    ids = [seen_as(dataset, {"train": np.array(rows)}).id for rows in ([0], [1], [0])]
    assert ids[0] == ids[2]
    assert len({*ids, dataset.id}) == 3


def test_refuses_an_item_that_is_not_there(tmp_path):
    with pytest.raises(UnknownItem, match=r"scans: there is no item 6; use 0 to 5\."):
        seen_as(make(tmp_path), {"train": np.array([6])})
