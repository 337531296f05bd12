"""IDX files as MNIST has them."""

import gzip
import struct

import numpy as np
import pytest

from datasets.arrays import ArrayLimits, arrays_kind, open_arrays
from datasets.errors import BadArrays
from datasets.idx import find_pairs

RNG = np.random.default_rng(5)
IMAGES = RNG.integers(0, 256, size=(5, 9, 11), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], np.uint8)


def idx(array, *, kind=8, shape=None):
    shape = array.shape if shape is None else shape
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, kind, len(shape), *shape) + array.tobytes()


def write_pair(folder, before="t10k-", packed=False, images=None, labels=None):
    pack, suffix = (gzip.compress, ".gz") if packed else (bytes, "")
    path = folder / f"{before}images-idx3-ubyte{suffix}"
    path.write_bytes(pack(idx(IMAGES) if images is None else images))
    (folder / f"{before}labels-idx1-ubyte{suffix}").write_bytes(pack(idx(LABELS) if labels is None else labels))
    return path


def refuse(path, message, **options):
    with pytest.raises(BadArrays, match=message), open_arrays(path, **options):
        pass


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_pair_is_read_by_file_or_by_folder(tmp_path, packed, whole_folder):
    path = write_pair(tmp_path, packed=packed)
    with open_arrays(tmp_path if whole_folder else path) as arrays:
        found = list(arrays)
        assert arrays.kind == "idx"
    assert [image.label for image in found] == ["3", "1", "4", "1", "5"]
    assert {image.split for image in found} == {None}
    np.testing.assert_array_equal(np.stack([image.levels[..., 0] for image in found]), IMAGES)


def test_train_and_t10k_together_are_a_split(tmp_path):
    write_pair(tmp_path, "train-")
    write_pair(tmp_path, "t10k-", packed=True)
    with open_arrays(tmp_path) as arrays:
        assert sorted(image.split for image in arrays) == ["test"] * 5 + ["train"] * 5
    assert [pair.split for pair in find_pairs(tmp_path / "train-labels-idx1-ubyte")] == [None]


def test_names_with_a_dot_are_known_too(tmp_path):
    (tmp_path / "train-images.idx3-ubyte").write_bytes(idx(IMAGES))
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(idx(LABELS))
    assert arrays_kind(tmp_path) == "idx"


def test_a_file_without_its_partner_is_no_pair(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(IMAGES))
    assert find_pairs(tmp_path) == []
    assert arrays_kind(tmp_path) is None
    assert find_pairs(tmp_path / "scan.png") == []


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (b"", "images-idx3-ubyte.*: not an IDX file; fetch it again"),
        (b"hello world, this is text", "not an IDX file"),
        (idx(IMAGES, kind=13), "IDX of type 0x0d with 3 dimensions, expected unsigned bytes"),
        (idx(IMAGES[0]), "with 2 dimensions, expected unsigned bytes .0x08. with 3|not an IDX file"),
        (idx(IMAGES)[:-1], "ends before the 5 rows of its header"),
        (idx(IMAGES) + b"x", "goes on after the 5 rows of its header"),
        (idx(IMAGES, shape=(2**32 - 1, 2**31, 64)), "bytes, at most .* are accepted"),
    ],
    ids=["empty", "text", "float", "two-dimensions", "short", "long", "huge"],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_differs_from_its_header_is_refused(tmp_path, images, message, packed):
    refuse(write_pair(tmp_path, packed=packed, images=images), message)


def test_a_cut_gzip_is_refused(tmp_path):
    path = write_pair(tmp_path, packed=True)
    path.write_bytes(path.read_bytes()[:100])
    refuse(path, "cannot be read|ends before")


def test_a_bomb_behind_the_last_row_is_not_inflated(tmp_path):
    refuse(write_pair(tmp_path, packed=True, images=idx(IMAGES) + bytes(50 << 20)), "goes on after")


def test_the_limit_holds(tmp_path):
    refuse(write_pair(tmp_path), "takes 495 bytes, at most 400", limits=ArrayLimits(max_total_bytes=400))


def test_another_number_of_labels_is_refused(tmp_path):
    refuse(write_pair(tmp_path, labels=idx(LABELS[:4])), r"shape \(4,\) beside 5 images")
