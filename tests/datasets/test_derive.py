from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from datasets.derive import derive_dataset
from datasets.duplicates import pixels_sha256
from datasets.errors import BadDataset, UnknownItem
from datasets.store import Dataset, DatasetWriter, Item, open_dataset

CLASSES = ("glioma", "notumor")
SOURCE = {"kind": "changed", "why": "a test"}


@pytest.fixture
def parent(tmp_path: Path) -> Dataset:
    splits = ("train", "train", "test", "val", "dropped", "train")
    items = []
    with closing(DatasetWriter(tmp_path / "datasets")) as writer:
        for i, split in enumerate(splits):
            levels = np.full((4, 5, 1), 10 * i, dtype=np.uint8)
            writer.append(levels, 8)
            items.append(Item(f"{i}.png", i % 2, split, i, f"{i:064x}", pixels_sha256(levels, 8), levels.shape, 8))
        return writer.finish("scans", CLASSES, tuple(items), {"kind": "folder"}, {})


def derived(parent: Dataset, **changes) -> Dataset:
    return derive_dataset(parent, parent.folder.parent, name="other", source=SOURCE, **changes)


def test_without_changes_only_the_id_and_the_source_differ(parent):
    same = derived(parent)
    assert same.items == parent.items
    assert same.id != parent.id
    assert same.source == {**SOURCE, "parent": parent.id}
    np.testing.assert_array_equal(same.batch(range(6)), parent.batch(range(6)))


def test_changes_what_is_named_and_nothing_else(parent):
    white = np.full((4, 5, 1), 255, dtype=np.uint8)
    made = derived(parent, labels={0: 1}, levels={1: white}, dropped=[2])
    assert made.labels.tolist() == [1, 1, 0, 1, 0, 1]
    assert [item.split for item in made.items] == ["train", "train", "dropped", "val", "dropped", "train"]
    np.testing.assert_array_equal(made.levels(1), white)
    assert made.items[1].pixels_sha256 == pixels_sha256(white, 8)
    for i in (0, 2, 3, 4, 5):
        np.testing.assert_array_equal(made.levels(i), parent.levels(i))
        assert made.items[i].pixels_sha256 == parent.items[i].pixels_sha256
    said = made.report()
    assert (said["n_relabelled"], said["n_changed"], said["n_dropped"]) == (1, 1, 1)


def test_what_was_no_change_is_not_counted(parent):
    said = derived(parent, labels={0: 0}, levels={1: parent.levels(1)}, dropped=[4]).report()
    assert (said["n_relabelled"], said["n_changed"], said["n_dropped"]) == (0, 0, 0)


def test_leaves_the_parent_as_it_was_and_gives_the_same_id_again(parent):
    before = open_dataset(parent.folder).items
    one, other = (derived(parent, labels={0: 1}) for _ in range(2))
    assert (one.id, one.levels_sha256) == (other.id, other.levels_sha256)
    assert open_dataset(parent.folder).items == before


def test_what_is_there_already_is_given_back_under_its_first_name(parent):
    first = derive_dataset(parent, parent.folder.parent, name="first", source=SOURCE, labels={0: 1})
    written = (first.folder / "manifest.json").stat().st_mtime_ns
    again = derived(parent, labels={0: 1})
    assert (again.id, again.name) == (first.id, "first")
    assert (first.folder / "manifest.json").stat().st_mtime_ns == written


@pytest.mark.parametrize(
    "changes", [{"labels": {6: 0}}, {"levels": {-1: np.zeros((4, 5, 1), np.uint8)}}, {"dropped": [9]}]
)
def test_refuses_an_item_that_is_not_there(parent, changes):
    with pytest.raises(UnknownItem, match=r"scans: there is no item (6|-1|9); use 0 to 5\."):
        derived(parent, **changes)


def test_refuses_a_class_that_is_not_there(parent):
    with pytest.raises(BadDataset, match=r"scans: there is no class 2; use 0 to 1\."):
        derived(parent, labels={0: 2})


@pytest.mark.parametrize(
    "levels", [np.zeros((5, 4, 1), np.uint8), np.zeros((4, 5, 1), np.uint16), np.zeros((4, 5, 1), np.float32)]
)
def test_refuses_levels_of_another_shape_or_depth(parent, levels):
    with pytest.raises(BadDataset, match=r"0\.png: levels .* expected \(4, 5, 1\) uint8 of 8 bits\."):
        derived(parent, levels={0: levels})
    assert [path.name for path in parent.folder.parent.iterdir()] == [parent.id]
