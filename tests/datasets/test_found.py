import contextlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from datasets.duplicates import pixels_sha256
from datasets.errors import DamagedStore
from datasets.found import described, level_hashes, level_hashes_jailed
from datasets.store import LEVELS, MANIFEST, Dataset, DatasetWriter, Item


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Pictures of several sizes, depths and channels, one of them twice."""
    rng = np.random.default_rng(0)
    levels = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in [(4, 5, 1), (90, 80, 3), (3, 3, 1), (7, 2, 3)]]
    images = [(one, 8) for one in levels] + [(rng.integers(0, 4096, (6, 4, 1), dtype=np.uint16), 12)]
    images.insert(3, images[1])
    items = [
        Item(f"{i}.png", i % 2, "train", i, "", pixels_sha256(one, bits), one.shape, bits)
        for i, (one, bits) in enumerate(images)
    ]
    with contextlib.closing(DatasetWriter(tmp_path)) as writer:
        for i, (one, bits) in enumerate(images):
            writer.repeat(1) if i == 3 else writer.append(one, bits)
        return writer.finish("mixed", ("a", "b"), tuple(items), {"kind": "test"}, {})


def test_levels_that_nobody_touched_hash_as_when_they_were_decoded(dataset: Dataset) -> None:
    expected = [item.pixels_sha256 for item in dataset.items]
    assert list(level_hashes(dataset.folder)) == expected
    assert level_hashes_jailed(dataset.folder) == tuple(expected)


def test_blocks_give_what_single_images_give(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.ragged._BLOCK", 50)
    for row, levels in enumerate(dataset._reader.in_order()):
        np.testing.assert_array_equal(levels, dataset.levels(row))
    assert row == 5


def test_one_level_changes_the_hash_of_its_item_alone(dataset: Dataset) -> None:
    with h5py.File(dataset.folder / LEVELS, "r+") as file:
        file["levels/uint8"][20] ^= 1  # The second image begins there, and the fourth is the same one.
    expected = [item.pixels_sha256 for item in dataset.items]
    found = list(level_hashes_jailed(dataset.folder))
    assert [i for i, (now, was) in enumerate(zip(found, expected, strict=True)) if now != was] == [1, 3]


def test_the_manifest_is_told_as_it_is_written(dataset: Dataset) -> None:
    assert described(dataset.folder) == (dataset.classes, dataset.items)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"classes": [], "items": [{"name": 1}]}', '{"classes": 1, "items": []}']
)
def test_what_is_no_manifest_is_refused(dataset: Dataset, text: str) -> None:
    (dataset.folder / MANIFEST).write_text(text)
    with pytest.raises(DamagedStore, match=r"manifest\.json: cannot be read any more"):
        described(dataset.folder)


def test_a_file_that_is_no_hdf5_is_refused(dataset: Dataset) -> None:
    (dataset.folder / LEVELS).write_bytes(b"no levels")
    with pytest.raises(DamagedStore, match=r"dataset\.h5: cannot be read any more"):
        level_hashes_jailed(dataset.folder)


def test_finishing_again_keeps_the_history(tmp_path: Path) -> None:
    def finish() -> Path:
        with contextlib.closing(DatasetWriter(tmp_path)) as writer:
            writer.append(np.zeros((2, 2, 1), np.uint8), 8)
            items = (Item("a", 0, "train", 0, "", "", (2, 2, 1), 8),)
            return writer.finish("one", ("a",), items, {"kind": "test"}, {}).folder

    folder = finish()
    (folder / "history.jsonl").write_text("{}")
    (folder / "litter").write_text("")
    assert finish() == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset.h5", "history.jsonl", "manifest.json", "report.json",
    ]  # fmt: skip
    assert (folder / "history.jsonl").read_text() == "{}"
