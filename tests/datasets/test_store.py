import json
import os
import pickle
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import DamagedStore, UnknownItem
from datasets.store import Dataset, DatasetWriter, Item, dataset_id, open_dataset

CLASSES = ("glioma", "notumor")


def items(n: int = 6) -> tuple[Item, ...]:
    splits = ("train", "train", "test", "val", "dropped", "detector")
    return tuple(
        Item(
            name=f"{CLASSES[i % 2]}/{i}.png",
            label=i % 2,
            split=splits[i],
            group=i,
            sha256=f"{i:064x}",
            pixels_sha256=f"{i + 100:064x}",
            shape=(8, 9 + i, 1),
            bits=8,
        )
        for i in range(n)
    )


def picture(i: int) -> np.ndarray:
    return np.random.default_rng(i).integers(0, 256, (8, 9 + i, 1)).astype(np.uint8)


def make(root: Path, *, name: str = "scans") -> Dataset:
    with closing(DatasetWriter(root)) as writer:
        for i in range(6):
            writer.append(picture(i), 8)
        return writer.finish(name, CLASSES, items(), {"kind": "folder"}, {"n_files": 6})


def test_comes_back_as_it_was_written(tmp_path: Path) -> None:
    dataset = open_dataset(make(tmp_path).folder)
    assert dataset.items == items()
    assert (dataset.name, dataset.classes, len(dataset)) == ("scans", CLASSES, 6)
    assert dataset.report() == {"n_files": 6}
    for i, levels in enumerate(dataset.batch(range(6))):
        np.testing.assert_array_equal(levels, picture(i))


def test_answers_by_split(tmp_path: Path) -> None:
    dataset = make(tmp_path)
    assert dataset.indices("train").tolist() == [0, 1]
    assert dataset.indices("test", "val").tolist() == [2, 3]
    assert dataset.indices("calibration").dtype == np.int64
    assert dataset.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert dataset.groups.tolist() == [0, 1, 2, 3, 4, 5]
    assert dataset.counts()["train"] == [1, 1]
    with pytest.raises(UnknownItem, match="no split holdout; use train, val"):
        dataset.indices("holdout")


def test_the_id_depends_on_pictures_labels_and_splits_only() -> None:
    first = dataset_id(CLASSES, items(), "zip")
    assert first == dataset_id(CLASSES, items(), "zip")
    others = {
        dataset_id(("a", "b"), items(), "zip"),
        dataset_id(CLASSES, items(5), "zip"),
        dataset_id(CLASSES, items(), "folder"),
    }
    assert len(others | {first}) == 4


def test_the_same_content_is_written_to_the_same_folder(tmp_path: Path) -> None:
    first = make(tmp_path)
    stored = (first.folder / "dataset.h5").read_bytes()
    second = make(tmp_path, name="again")
    assert second.folder == first.folder
    assert (second.folder / "dataset.h5").read_bytes() == stored
    assert [path.name for path in tmp_path.iterdir()] == [first.id]


def test_leaves_nothing_behind_when_it_is_not_finished(tmp_path: Path) -> None:
    with closing(DatasetWriter(tmp_path)) as writer:
        writer.append(picture(0), 8)
    assert list(tmp_path.iterdir()) == []


def test_removes_what_a_killed_import_left_long_ago(tmp_path: Path) -> None:
    old, fresh = tmp_path / ".import-old", tmp_path / ".import-fresh"
    old.mkdir()
    fresh.mkdir()
    os.utime(old, (0, 0))
    DatasetWriter(tmp_path).close()
    assert list(tmp_path.iterdir()) == [fresh]


def test_goes_to_another_process(tmp_path: Path) -> None:
    dataset = make(tmp_path)
    dataset.levels(0)
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own bytes.
    assert copy == dataset
    np.testing.assert_array_equal(copy.levels(3), picture(3))


def test_notices_a_changed_byte_in_the_levels(tmp_path: Path) -> None:
    path = make(tmp_path).folder / "dataset.h5"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DamagedStore, match=r"sha256 .* the manifest says .* import the source again"):
        open_dataset(path.parent)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, "version 99, expected 'scangate-dataset' version 1"),
        ({"format": "other"}, "'other' version 1"),
        ({"items": [{"name": "a"}]}, "not a whole data set"),
        ({"classes": None}, "not a whole data set"),
    ],
)
def test_refuses_a_manifest_it_does_not_understand(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = make(tmp_path).folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DamagedStore, match=message):
        open_dataset(path.parent)


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_refuses_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    path = make(tmp_path).folder / "manifest.json"
    path.write_text(text)
    with pytest.raises(DamagedStore, match="import the source again"):
        open_dataset(path.parent)


@pytest.mark.parametrize("name", ["manifest.json", "dataset.h5"])
def test_says_what_to_do_when_a_file_is_missing(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path).folder
    (folder / name).unlink()
    with pytest.raises(DamagedStore, match="import the source again"):
        open_dataset(folder)
