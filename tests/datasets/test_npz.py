"""The arrays of an .npz file."""

import contextlib
import io
import zipfile

import numpy as np
import pytest

from datasets.array_spool import spool
from datasets.errors import BadArrays

KIND = "npz"
RNG = np.random.default_rng(4)
GREY = RNG.integers(0, 256, size=(5, 9, 11), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 1, 0])


def refuse(path, message, error=BadArrays, **limits):
    with contextlib.chdir(path.parent), pytest.raises(error, match=message):
        spool(KIND, path.name, limits)


def test_pickled_objects_are_refused(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, x=np.array([{"evil": 1}], dtype=object), y=LABELS)
    refuse(path, "x: type object, expected whole numbers")


def test_fortran_order_is_refused(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, x=np.asfortranarray(GREY), y=LABELS)
    refuse(path, r"x: stored in Fortran order; save np.ascontiguousarray\(x\)")


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    written = io.BytesIO()
    np.lib.format.write_array_header_1_0(written, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 64, 64)})
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", written.getvalue() + bytes(100))
        file.writestr("y.npy", written.getvalue())
    refuse(path, r"x: 228 bytes, its header of shape \(1000000, 64, 64\) asks for 4,096,000,128")


@pytest.mark.parametrize("content", [b"\x93NUMPY\x01\x00v\x00" + b"{" * 118, b"", b"\x93NUMPY\x03\x00" + bytes(50)])
def test_a_broken_array_is_refused(tmp_path, content):
    path = tmp_path / "arrays.npz"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x.npy", content)
    refuse(path, "x: (not an array that can be read|.npy format)")
