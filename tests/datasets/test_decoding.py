"""From the bytes of a file to the levels that it stores."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from datasets.decoding import Limits, decode
from datasets.errors import BadImage
from datasets.image import Image
from tests.datasets.dicom_files import dicom_bytes


def write(array, file_type, **options):
    written = io.BytesIO()
    Picture.fromarray(array).save(written, format=file_type, **options)
    return written.getvalue()


RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, size=(9, 11), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(9, 11, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, size=(9, 11), dtype=np.uint16)

FILES = {
    "png": write(GREY, "PNG"),
    "jpeg": write(COLOUR, "JPEG"),
    "tiff": write(DEEP, "TIFF", compression="tiff_lzw"),
    "bmp": write(COLOUR, "BMP"),
    "dicom": dicom_bytes(DEEP),
}


def huge_png(side):
    """A PNG of some bytes whose header promises side x side pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("file_type", FILES)
def test_the_kind_is_told_by_the_bytes_and_not_by_the_name(file_type):
    assert decode(FILES[file_type], name="scan.gif").file_type == file_type


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"the file is empty \(0 bytes\); send it again"),
        (b"hello", "not an image that can be read here; send a PNG, JPEG, TIFF, BMP or single-frame DICOM"),
        (b"GIF89a" + bytes(20), "this is a GIF; send a PNG"),
        (b"%PDF-1.7", "this is a PDF; send a PNG"),
        (FILES["png"][: len(FILES["png"]) // 2], "PNG file is broken or truncated .* export it again"),
        (FILES["jpeg"][:200], "JPEG file is broken or truncated"),
        (FILES["dicom"][:-50], "DICOM file is broken or truncated"),
        (huge_png(30_000), "30000x30000 pixels, at most 16,384 a side are accepted; scale it down first"),
        (huge_png(9_000), r"9000x9000 = 81,000,000 pixels, at most 40,000,000 are accepted"),
        (huge_png(7), "7x7 pixels, at least 8x8 are needed; send a larger image"),
    ],
    ids=["empty", "text", "gif", "pdf", "half-png", "half-jpeg", "half-dicom", "wide", "many-pixels", "tiny"],
)
def test_what_is_no_image_is_refused_with_cause_and_next_step(data, message):
    with pytest.raises(BadImage, match=f"^scan.png: .*{message}"):
        decode(data, name="scan.png")


def test_too_many_bytes_are_refused_before_they_are_looked_at():
    with pytest.raises(BadImage, match="the file has 101 bytes, at most 100 are accepted"):
        decode(bytes(101), limits=Limits(max_bytes=100))


def test_limits_survive_json():
    limits = Limits(max_bytes=5, max_side=6, max_pixels=7)
    assert Limits(**limits.to_json()) == limits


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    file_type=st.sampled_from(sorted(FILES)),
    cut=st.floats(0, 1),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    header_only=st.booleans(),
)
def test_mutated_files_give_an_image_or_a_bad_image(file_type, cut, changes, header_only):
    data = bytearray(FILES[file_type])
    reach = min(len(data), 400) if header_only else len(data)
    for place, byte in changes:
        data[int(place * reach)] = byte
    mutated = bytes(data[: round(cut * len(data))]) if not header_only else bytes(data)
    with contextlib.suppress(BadImage):
        assert isinstance(decode(mutated, limits=Limits(max_pixels=1_000_000)), Image)
