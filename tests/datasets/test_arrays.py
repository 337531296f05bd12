"""Images and labels from .npz and HDF5 files."""

import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from datasets.arrays import arrays_kind, open_arrays
from datasets.errors import BadArrays

RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 256, size=(5, 9, 11), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(4, 9, 11, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 1, 0])


@pytest.fixture(params=["npz", "hdf5"])
def save(request, tmp_path):
    def write(**arrays):
        if request.param == "npz":
            path = tmp_path / "arrays.npz"
            np.savez_compressed(path, **arrays)
            return path
        path = tmp_path / "arrays.h5"
        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file.create_dataset(name, data=array, compression="gzip" if array.ndim else None)
        return path

    return write


def refuse(path, message, error=BadArrays, **options):
    with pytest.raises(error, match=message), open_arrays(path, **options):
        pass


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("x", "y"), ("X", "y"), ("data", "targets")])
def test_images_and_labels_are_found_by_name(save, images, labels):
    with open_arrays(save(**{images: GREY, labels: LABELS})) as arrays:
        found = list(arrays)
        assert len(arrays) == 5
    assert [image.label for image in found] == ["0", "1", "2", "1", "0"]
    assert {image.split for image in found} == {None}
    assert len({image.name for image in found}) == 5
    np.testing.assert_array_equal(np.stack([image.levels[..., 0] for image in found]), GREY)


@pytest.mark.parametrize("pattern", ["{split}_{what}", "{what}_{split}"])
def test_splits_are_told_by_the_names(save, pattern):
    names = {"train": ("x", "y"), "test": ("x", "y"), "val": ("x", "y")}
    sizes = {"train": 3, "test": 2, "val": 1}
    arrays = {}
    for split, (x, y) in names.items():
        arrays[pattern.format(split=split, what=x)] = GREY[: sizes[split]]
        arrays[pattern.format(split=split, what=y)] = LABELS[: sizes[split], None]
    with open_arrays(save(**arrays)) as opened:
        found = list(opened)
    assert sorted((image.split or "") for image in found) == ["", "test", "test", "train", "train", "train"]
    assert len({image.name for image in found}) == 6


def test_hdf5_groups_tell_the_split(tmp_path):
    path = tmp_path / "arrays.hdf5"
    with h5py.File(path, "w") as file:
        for split in ("train", "test"):
            file[f"{split}/images"], file[f"{split}/labels"] = GREY, LABELS
    with open_arrays(path) as arrays:
        assert {image.split for image in arrays} == {"train", "test"}


def test_colour_is_kept_and_equal_channels_become_grey(save):
    images = COLOUR.copy()
    images[1] = images[1, ..., :1]
    with open_arrays(save(x=images, y=LABELS[:4])) as arrays:
        found = list(arrays)
    assert [image.levels.shape[2] for image in found] == [3, 1, 3, 3]
    np.testing.assert_array_equal(found[0].levels, COLOUR[0])


def test_channels_first_is_turned(save):
    with open_arrays(save(x=COLOUR.transpose(0, 3, 1, 2).copy(), y=LABELS[:4])) as arrays:
        np.testing.assert_array_equal(next(iter(arrays)).levels, COLOUR[0])


@pytest.mark.parametrize(
    ("images", "bits"),
    [
        (GREY.astype(np.int64), 8),
        (GREY.astype(np.float32), 8),
        (GREY.astype(">u2") * 257, 16),
        (GREY.astype(np.uint16), 16),
        (GREY.astype(np.float64) * 257, 16),
    ],
)
def test_whole_numbers_of_any_type_become_levels(save, images, bits):
    with open_arrays(save(x=images, y=LABELS)) as arrays:
        image = next(iter(arrays))
    assert image.bits == bits
    np.testing.assert_array_equal(image.levels[..., 0], images[0])


def test_classes_get_their_names(save):
    names = np.array([b"none", b"glioma", b"pituitary"])
    with open_arrays(save(x=GREY, y=LABELS, classes=names, comment=np.arange(3))) as arrays:
        assert [image.label for image in arrays] == ["none", "glioma", "pituitary", "glioma", "none"]
        assert arrays.ignored == ("comment",)


def test_labels_may_be_text(save):
    with open_arrays(save(x=GREY[:2], y=np.array([b"ill", b"well"]))) as arrays:
        assert [image.label for image in arrays] == ["ill", "well"]


def test_the_levels_are_gone_after_the_block(tmp_path):
    np.savez(tmp_path / "arrays.npz", x=GREY, y=LABELS)
    (tmp_path / "work").mkdir()
    with open_arrays(tmp_path / "arrays.npz", workdir=tmp_path / "work") as arrays:
        assert len(arrays) == 5
        assert list((tmp_path / "work").iterdir())
    assert not list((tmp_path / "work").iterdir())


def test_the_levels_may_be_kept_in_a_folder_that_is_named_from_here(save, tmp_path, monkeypatch):
    path = save(images=GREY, labels=LABELS)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path)
    with open_arrays(path, workdir=Path("here")) as rows:
        assert len(rows) == 5
    assert not list((tmp_path / "here").iterdir())


def test_the_kind_is_told_by_content(save, tmp_path):
    path = save(x=GREY, y=LABELS)
    assert arrays_kind(path) == ("npz" if path.suffix == ".npz" else "hdf5")
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as file:
        file.writestr("a/1.png", b"1")
    assert arrays_kind(tmp_path / "images.zip") is None
    refuse(tmp_path / "images.zip", "neither .npz nor HDF5")
