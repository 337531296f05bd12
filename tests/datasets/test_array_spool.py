"""What arrays must look like, whatever file they come in."""

import contextlib

import h5py
import numpy as np
import pytest

from datasets.array_spool import spool
from datasets.errors import BadArchive, BadArrays

RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 256, size=(5, 9, 11), dtype=np.uint8)
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


def refuse(path, message, error=BadArrays, **limits):
    with contextlib.chdir(path.parent), pytest.raises(error, match=message):
        spool("npz" if path.suffix == ".npz" else "hdf5", path.name, limits)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": GREY, "b": LABELS}, "arrays a, b; expected images .or x, data. with labels"),
        ({"x": GREY}, "no labels beside x; expected"),
        ({"x": GREY, "images": GREY, "y": LABELS}, "images and x|x and images"),
        ({"x": GREY, "y": LABELS[:4]}, r"shape \(4,\) beside 5 images, expected \(5,\)"),
        ({"x": GREY, "y": np.eye(5)}, "of one-hot rows take the argmax"),
        ({"x": GREY, "y": np.array([0, 1, -1, 0, 0])}, "expected whole numbers from 0"),
        ({"x": GREY, "y": np.array([0, 1, np.nan, 0, 0])}, "expected whole numbers from 0"),
        ({"x": GREY / 255, "y": LABELS}, r"with fractions.*save np.rint\(x \* 255\)\.astype\(np\.uint8\)"),
        ({"x": np.full((5, 8, 8), np.nan), "y": LABELS}, "not finite; replace them"),
        ({"x": GREY.astype(np.int16) - 500, "y": LABELS}, "from -.* expected levels from 0 to 255 or 65,535; shift"),
        ({"x": GREY > 5, "y": LABELS}, "images of type bool, expected uint8 or uint16"),
        ({"x": np.zeros((5, 9, 11, 4), np.uint8), "y": LABELS}, r"shape \(5, 9, 11, 4\), expected \(N, H, W\)"),
        ({"x": np.zeros((5, 4, 4), np.uint8), "y": LABELS}, "4x4 pixels, at least 8x8"),
        ({"x": GREY[:0], "y": LABELS[:0]}, "no images"),
        ({"x": GREY, "y": LABELS, "classes": np.array([b"one", b"two"])}, "class 2, but only 2 names"),
    ],
)
def test_what_is_no_images_with_labels_is_refused(save, arrays, message):
    refuse(save(**arrays), message)


def test_shapes_over_the_limit_are_refused_before_reading(save):
    path = save(x=GREY, y=LABELS)
    refuse(
        path,
        "x: shape .* takes 495 bytes, at most 400|the zip: .* at most 400",
        (BadArrays, BadArchive),
        max_total_bytes=400,
    )


def test_a_bomb_is_refused(save):
    path = save(x=np.zeros((300, 256, 256), np.uint8), y=np.zeros(300, np.int64))
    refuse(path, "more than 200 to 1", (BadArrays, BadArchive))
