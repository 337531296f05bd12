"""From levels to the bytes of a file, and back."""

import io
from pathlib import PurePath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image as Picture
from pydicom import dcmread

from datasets.decoding import decode
from datasets.dicom import photometric_interpretation
from datasets.encoding import FORMATS, encode, format_of
from datasets.errors import BadImage
from datasets.image import encode_png, grey_when_equal, with_bits
from tests.datasets.dicom_files import dicom_bytes

HELD = [
    (name, channels, bits)
    for name, kind in FORMATS.items()
    if kind.lossless
    for channels, depths in ((1, kind.grey_bits), (3, kind.rgb_bits))
    for bits in depths
]


def dtype_of(bits):
    return np.uint8 if bits == 8 else np.uint16


def noise(bits, shape=(9, 11, 1)):
    return np.random.default_rng(bits).integers(0, 1 << bits, shape).astype(dtype_of(bits))


@settings(max_examples=150, deadline=None)
@given(held=st.sampled_from(HELD), sides=st.tuples(st.integers(8, 21), st.integers(8, 21)), data=st.data())
def test_lossless_files_give_back_levels_and_depth(held, sides, data):
    file_format, channels, bits = held
    numbers = st.integers(0, (1 << bits) - 1)
    levels = data.draw(arrays.arrays(dtype_of(bits), (*sides, channels), elements=numbers))
    image = decode(encode(levels, bits, file_format))
    np.testing.assert_array_equal(image.levels, grey_when_equal(levels))
    assert (image.bits, image.file_type) == (bits, file_format)


@pytest.mark.parametrize(("file_format", "channels", "bits"), HELD)
def test_black_and_white_stay_what_they_are(file_format, channels, bits):
    levels = np.zeros((8, 9, channels), dtype_of(bits))
    levels[::2, :, 0] = (1 << bits) - 1
    np.testing.assert_array_equal(decode(encode(levels, bits, file_format)).levels, levels)


@pytest.mark.parametrize("file_format", FORMATS)
def test_the_same_levels_give_the_same_bytes(file_format):
    quality = None if FORMATS[file_format].lossless else 90
    levels = noise(8)
    first = encode(levels, 8, file_format, quality=quality)
    assert first == encode(levels.copy(), 8, file_format, quality=quality)
    assert first != encode(levels ^ 1, 8, file_format, quality=quality)


@pytest.mark.parametrize("bits", range(9, 16))
def test_any_other_reader_sees_a_deep_png_as_bright_as_it_is(bits):
    levels = noise(bits)
    plain = np.asarray(Picture.open(io.BytesIO(encode_png(levels, bits))))
    np.testing.assert_allclose(plain / 65535, levels[..., 0] / ((1 << bits) - 1), atol=1 / 65535)


def test_a_png_whose_levels_are_finer_than_it_says_keeps_them():
    twelve, sixteen = encode_png(noise(12), 12), encode_png(noise(16), 16)
    at = twelve.index(b"sBIT") - 4
    image = decode(sixteen[:33] + twelve[at : at + 13] + sixteen[33:])
    np.testing.assert_array_equal(image.levels, noise(16))
    assert image.bits == 16


@pytest.mark.parametrize("bits", [8, 16])
def test_a_plain_reader_gets_the_same_tiff(bits):
    plain = np.asarray(Picture.open(io.BytesIO(encode(noise(bits), bits, "tiff"))))
    np.testing.assert_array_equal(plain, noise(bits)[..., 0])


@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (12, 1), (16, 1), (8, 3)])
def test_a_dicom_file_is_whole_and_names_nobody(bits, channels):
    levels = noise(bits, (9, 11, channels))
    dataset = dcmread(io.BytesIO(encode(levels, bits, "dicom")))
    np.testing.assert_array_equal(dataset.pixel_array.reshape(levels.shape), levels)
    assert (dataset.BitsStored, dataset.HighBit, dataset.BitsAllocated) == (bits, bits - 1, 8 * levels.itemsize)
    assert dataset.SOPClassUID.name == "Secondary Capture Image Storage"
    assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert len({dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID}) == 3
    assert not any(element.value for element in dataset if element.tag.group == 0x0010)
    assert not [element.keyword for element in dataset if element.VR in ("DA", "TM", "DT") and element.value]


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_where_white_is_zero_the_decoder_gives_the_same_levels(bits, tmp_path):
    data = encode(noise(bits), bits, "dicom", photometric="MONOCHROME1")
    np.testing.assert_array_equal(decode(data).levels, noise(bits))
    stored = dcmread(io.BytesIO(data))
    np.testing.assert_array_equal(stored.pixel_array, (1 << bits) - 1 - noise(bits)[..., 0].astype(int))
    (tmp_path / "scan.dcm").write_bytes(data)
    assert photometric_interpretation(str(tmp_path / "scan.dcm")) == "MONOCHROME1"


def test_the_interpretation_of_no_dicom_file_is_refused(tmp_path):
    (tmp_path / "scan.dcm").write_bytes(dicom_bytes(noise(8)[..., 0])[:140])
    with pytest.raises(BadImage, match=r"transfer syntax|broken or truncated"):
        photometric_interpretation(str(tmp_path / "scan.dcm"))


def test_a_jpeg_of_higher_quality_is_nearer():
    smooth = np.asarray(Picture.fromarray(noise(8, (8, 8, 1))[..., 0]).resize((64, 48)))[..., None]
    errors = []
    for quality in (100, 90, 50):
        image = decode(encode(smooth, 8, "jpeg", quality=quality))
        assert (image.bits, image.file_type, image.levels.shape) == (8, "jpeg", (48, 64, 1))
        errors.append(np.abs(image.levels.astype(int) - smooth).mean())
    assert errors == sorted(errors)
    assert 0 < errors[0] < 1 < errors[2]


@pytest.mark.parametrize(
    ("bits", "channels", "file_format", "options", "message"),
    [
        (
            12,
            1,
            "jpeg",
            {"quality": 90},
            "grey of 12 bits cannot be written as JPEG, which holds 8; write it as PNG or",
        ),
        (
            10,
            1,
            "tiff",
            {},
            "grey of 10 bits cannot be written as TIFF, which holds 8, 12, 16; write it as PNG or DICOM",
        ),
        (12, 3, "dicom", {}, "RGB of 12 bits cannot be written as DICOM, which holds 8; convert it to grey or to 8"),
        (16, 3, "png", {}, "RGB of 16 bits cannot be written as PNG"),
        (8, 1, "bmp", {}, "no format 'bmp'; there are png, tiff, dicom, jpeg"),
        (8, 1, "jpeg", {}, "quality None for a JPEG; give a whole number from 1 to 100"),
        (8, 1, "jpeg", {"quality": 0}, "quality 0 for a JPEG; give a whole number from 1 to 100"),
        (8, 1, "png", {"quality": 90}, "quality 90 for a PNG, which loses nothing; leave it out"),
        (8, 1, "png", {"photometric": "MONOCHROME1"}, "interpretation MONOCHROME1 for a PNG; only DICOM names one"),
        (8, 3, "dicom", {"photometric": "MONOCHROME1"}, "MONOCHROME1, expected RGB for these levels"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(bits, channels, file_format, options, message):
    with pytest.raises(BadImage, match=message):
        encode(noise(bits, (9, 11, channels)), bits, file_format, **options)


def test_what_is_no_image_is_not_written():
    with pytest.raises(BadImage, match="level 4096, expected at most 4095 for 12 bits"):
        encode(np.full((8, 8, 1), 4096, np.uint16), 12, "dicom")


@pytest.mark.parametrize(
    ("name", "file_format"),
    [("a.png", "png"), ("a.TIF", "tiff"), ("a.tiff", "tiff"), ("a.dcm", "dicom"), ("a.b.jpeg", "jpeg")],
)
def test_the_suffix_names_the_format(name, file_format):
    assert format_of(PurePath(name)) == file_format


def test_an_unknown_suffix_is_refused():
    with pytest.raises(BadImage, match=r"scan\.gif: the suffix '\.gif' .* use \.png, \.tif, \.tiff, \.dcm"):
        format_of(PurePath("scan.gif"))


@given(level=st.integers(0, 255), bits=st.integers(8, 16))
def test_eight_bits_survive_any_depth(level, bits):
    levels = np.full((8, 8, 1), level, np.uint8)
    deep = with_bits(levels, 8, bits)
    assert deep.dtype == dtype_of(bits)
    assert abs(deep[0, 0, 0] / ((1 << bits) - 1) - level / 255) <= 0.5 / ((1 << bits) - 1) + 1e-12
    np.testing.assert_array_equal(with_bits(deep, bits, 8), levels)
