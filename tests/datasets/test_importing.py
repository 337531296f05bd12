import json
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import BadDataset
from datasets.importing import import_dataset
from datasets.splits import Shares
from datasets.store import Dataset, open_dataset
from tests.datasets.scan_files import classes_of, encoded, picture, write_folder, write_zip


def imported(tmp_path: Path, files: dict[str, bytes], **options: object) -> Dataset:
    source = write_zip(tmp_path / "scans.zip", files)
    return import_dataset(source, tmp_path / "root", name="scans", **options)  # type: ignore[arg-type]


def with_splits() -> dict[str, bytes]:
    return classes_of(8, prefix="Training/") | {
        name.replace("Training", "Testing"): encoded(picture(5000 + i))
        for i, name in enumerate(classes_of(2, prefix="Training/"))
    }


def test_every_image_comes_in_with_its_class_and_levels(tmp_path: Path) -> None:
    dataset = imported(tmp_path, classes_of(6))
    assert dataset.classes == ("a", "b")
    assert len(dataset) == 12
    for i, item in enumerate(dataset.items):
        label, number = item.name.removesuffix(".png").split("/")
        assert dataset.classes[item.label] == label
        np.testing.assert_array_equal(dataset.levels(i)[..., 0], picture(1000 * (label == "b") + int(number)))


def test_given_test_folders_are_the_test(tmp_path: Path) -> None:
    dataset = imported(tmp_path, with_splits())
    assert {dataset.items[i].name.split("/")[0] for i in dataset.indices("test")} == {"Testing"}
    assert len(dataset.indices("test")) == 4
    assert all(len(dataset.indices(split)) for split in ("train", "val", "detector", "calibration"))


def test_a_copy_of_a_test_image_leaves_the_training(tmp_path: Path) -> None:
    files = with_splits()
    files["Testing/a/copy.png"] = files["Training/a/3.png"]
    dataset = imported(tmp_path, files)
    assert {item.name: item.split for item in dataset.items}["Training/a/3.png"] == "dropped"
    assert dataset.report()["n_by_kind"] == {"exact_duplicate": 1, "split_leak": 1}
    names = [item.name for item in dataset.items]
    for name in ("Testing/a/copy.png", "Training/a/3.png"):
        np.testing.assert_array_equal(dataset.levels(names.index(name))[..., 0], picture(3))


def test_nothing_is_silently_dropped(tmp_path: Path) -> None:
    files = classes_of(4) | {"a/broken.png": b"\x89PNG\r\n\x1a\n", "b/empty.png": b"", "README.txt": b"hello"}
    dataset = imported(tmp_path, files)
    found = dataset.report()
    assert (found["n_files"], found["n_items"], found["n_left_out"]) == (11, 8, 3)
    named = {item.name for item in dataset.items} | {one["name"] for one in found["findings"]}  # type: ignore[attr-defined]
    assert named == set(files)


def test_the_same_source_gives_the_same_id_and_bytes(tmp_path: Path) -> None:
    first = imported(tmp_path, with_splits())
    levels, manifest = ((first.folder / name).read_bytes() for name in ("dataset.h5", "manifest.json"))
    again = imported(tmp_path, with_splits())
    assert again.id == first.id
    assert (again.folder / "dataset.h5").read_bytes() == levels
    assert (again.folder / "manifest.json").read_bytes() == manifest
    assert [path.name for path in (tmp_path / "root").iterdir()] == [first.id]


def test_another_seed_is_another_data_set(tmp_path: Path) -> None:
    ids = {imported(tmp_path, classes_of(20), seed=seed).id for seed in range(3)}
    assert len(ids) == 3


def test_shares_are_heeded_and_recorded(tmp_path: Path) -> None:
    dataset = imported(tmp_path, classes_of(10), shares=Shares(test=0, calibration=0))
    assert set(dataset.counts()) >= {"test", "calibration"}
    assert sum(dataset.counts()["test"]) == sum(dataset.counts()["calibration"]) == 0
    assert json.loads((dataset.folder / "manifest.json").read_text())["source"]["shares"]["test"] == 0


def test_grey_and_colour_deep_and_shallow_live_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    colour, deep = rng.integers(0, 256, (9, 11, 3)).astype(np.uint8), rng.integers(0, 65536, (10, 8)).astype(np.uint16)
    dataset = imported(tmp_path, classes_of(4) | {"a/colour.png": encoded(colour), "b/deep.png": encoded(deep)})
    index = {item.name: i for i, item in enumerate(dataset.items)}
    np.testing.assert_array_equal(dataset.levels(index["a/colour.png"]), colour)
    np.testing.assert_array_equal(dataset.levels(index["b/deep.png"])[..., 0], deep)
    assert dataset.items[index["b/deep.png"]].bits == 16
    assert dataset.items[index["a/colour.png"]].shape == (9, 11, 3)


def test_classes_that_are_numbers_are_sorted_as_numbers(tmp_path: Path) -> None:
    files = {f"{label}/{n}.png": encoded(picture(10 * label + n)) for label in (2, 10, 9) for n in range(3)}
    assert imported(tmp_path, files).classes == ("2", "9", "10")


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    imported(tmp_path, classes_of(5), progress=lambda *now: told.append(now))
    assert told[0] == (0, 10, "decoding")
    assert told[-1] == (10, 10, "writing the manifest")


def test_a_cancelled_import_leaves_nothing_behind(tmp_path: Path) -> None:
    def cancel(done: int, total: int, message: str) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        imported(tmp_path, classes_of(5), progress=cancel)
    assert list((tmp_path / "root").iterdir()) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a/1.png": encoded(picture(1))}, "1 usable image of 1 class in 1 file, expected at least 2 classes"),
        ({f"a/{i}.png": encoded(picture(i)) for i in range(9)}, "9 usable images of 1 class in 9 files"),
        ({"a/1.png": b"", "b/2.txt": b"text"}, r"0 usable images of 0 classes in 2 files.*a/1.png: 0 bytes"),
        ({"1.png": encoded(picture(1))}, "0 usable images .*1.png: lies in no folder"),
        (classes_of(1), "2 different pictures for 5 splits"),
        ({}, "0 usable images of 0 classes in 0 files"),
    ],
)
def test_refuses_what_nothing_can_be_learnt_from(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(BadDataset, match=message):
        imported(tmp_path, files)
    assert list((tmp_path / "root").iterdir()) == []


def test_a_folder_is_imported_like_a_zip(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "scans", classes_of(6))
    dataset = open_dataset(import_dataset(source, tmp_path / "root", name="scans").folder)
    assert len(dataset) == 12
    assert dataset.source["kind"] == "folder"


def test_digits_come_in_as_idx(tmp_path: Path) -> None:
    source = tmp_path / "digits"
    source.mkdir()
    images = np.stack([picture(seed, side=28) for seed in range(20)])
    for name, head, body in (
        ("t10k-images-idx3-ubyte", b"\0\0\x08\x03" + np.array(images.shape, dtype=">u4").tobytes(), images.tobytes()),
        ("t10k-labels-idx1-ubyte", b"\0\0\x08\x01" + np.array([20], dtype=">u4").tobytes(), bytes([3, 5] * 10)),
    ):
        (source / name).write_bytes(head + body)
    dataset = import_dataset(source, tmp_path / "root", name="digits")
    assert (dataset.classes, len(dataset)) == (("3", "5"), 20)
    np.testing.assert_array_equal(np.stack(dataset.batch(range(20)))[..., 0], images)
    assert [path.name for path in dataset.folder.parent.iterdir()] == [dataset.id]
