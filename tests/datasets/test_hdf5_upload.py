"""The arrays of an HDF5 file that a stranger sent."""

import contextlib

import h5py
import numpy as np
import pytest

from datasets.array_spool import spool
from datasets.errors import BadArrays

KIND = "hdf5"
RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 256, size=(5, 9, 11), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 1, 0])


def refuse(path, message, error=BadArrays, **limits):
    with contextlib.chdir(path.parent), pytest.raises(error, match=message):
        spool(KIND, path.name, limits)


@pytest.mark.parametrize("kind", ["soft", "external", "virtual", "other file"])
def test_hdf5_that_reaches_elsewhere_is_refused(tmp_path, kind):
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = GREY
    path = tmp_path / "arrays.h5"
    with h5py.File(path, "w") as file:
        file["y"] = LABELS
        if kind == "soft":
            file["x"] = h5py.SoftLink("/y")
        elif kind == "external":
            file["x"] = h5py.ExternalLink(str(other), "/x")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(GREY.shape, GREY.dtype)
            layout[:] = h5py.VirtualSource(str(other), "x", GREY.shape)
            file.create_virtual_dataset("x", layout)
        else:
            file.create_dataset("x", GREY.shape, GREY.dtype, external=[(str(other), 0, h5py.h5f.UNLIMITED)])
    refuse(path, "x: (a link to another place|its values lie in another file); store the array itself")


def test_hdf5_text_of_varying_length_is_refused(tmp_path):
    path = tmp_path / "arrays.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"], file["classes"] = GREY, LABELS, ["a", "b", "c"]
    refuse(path, "classes: type object, expected .*text of fixed length")


def test_a_cut_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "arrays.h5"
    with h5py.File(path, "w") as file:
        file["x"], file["y"] = GREY, LABELS
    path.write_bytes(path.read_bytes()[:-300])
    refuse(path, "not an HDF5 file that can be read")
