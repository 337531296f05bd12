"""Single-frame DICOM to stored levels, through pydicom."""

import io

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MPEG2MPML, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLosslessSV1, RLELossless

from datasets.decoding import Limits, decode
from datasets.errors import BadImage
from tests.datasets.dicom_files import dicom_bytes

RNG = np.random.default_rng(2)
TWELVE = RNG.integers(0, 4096, size=(9, 11), dtype=np.uint16)
EIGHT = RNG.integers(0, 256, size=(9, 11), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(8, 10, 3), dtype=np.uint8)


def test_stored_levels_are_kept_with_their_bits():
    image = decode(dicom_bytes(TWELVE, BitsStored=12))
    np.testing.assert_array_equal(image.levels[..., 0], TWELVE)
    assert (image.bits, image.file_type) == (12, "dicom")


def test_eight_bits_in_sixteen_become_bytes():
    image = decode(dicom_bytes(EIGHT.astype(np.uint16), BitsStored=8))
    np.testing.assert_array_equal(image.levels[..., 0], EIGHT)
    assert image.levels.dtype == np.uint8


def test_rescaling_and_windows_are_not_applied():
    data = dicom_bytes(TWELVE, BitsStored=12, RescaleSlope=2, RescaleIntercept=-1024, WindowCenter=40, WindowWidth=400)
    np.testing.assert_array_equal(decode(data).levels[..., 0], TWELVE)


def test_signed_levels_are_shifted_by_half_their_range():
    signed = TWELVE.astype(np.int16) - 2048
    np.testing.assert_array_equal(decode(dicom_bytes(signed, BitsStored=12)).levels[..., 0], TWELVE)


def test_overlays_above_the_stored_bits_are_cut_off():
    data = dicom_bytes(TWELVE | 0x8000, BitsStored=12)
    np.testing.assert_array_equal(decode(data).levels[..., 0], TWELVE)


def test_monochrome1_is_turned_so_that_black_is_zero():
    data = dicom_bytes(TWELVE, BitsStored=12, PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(decode(data).levels[..., 0], 4095 - TWELVE)


def test_rgb_is_kept():
    np.testing.assert_array_equal(decode(dicom_bytes(COLOUR)).levels, COLOUR)


def test_ybr_becomes_rgb():
    grey_in_ybr = np.dstack([EIGHT, np.full_like(EIGHT, 128), np.full_like(EIGHT, 128)])
    levels = decode(dicom_bytes(grey_in_ybr, PhotometricInterpretation="YBR_FULL")).levels
    np.testing.assert_array_equal(levels[..., 0], EIGHT)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_lossless_compressions_give_the_same_levels(syntax):
    levels = np.tile(TWELVE, (8, 8))
    dataset = dcmread(io.BytesIO(dicom_bytes(levels, BitsStored=12)))
    dataset.compress(syntax, generate_instance_uid=False)
    written = io.BytesIO()
    dataset.save_as(written)
    np.testing.assert_array_equal(decode(written.getvalue()).levels[..., 0], levels)


@pytest.mark.parametrize("preamble", [b"II*\x00" + bytes(124), b"MM\x00*" + bytes(124)])
def test_a_preamble_of_a_tiff_is_accepted(preamble):
    np.testing.assert_array_equal(decode(dicom_bytes(TWELVE, preamble=preamble)).levels[..., 0], TWELVE)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (dicom_bytes(TWELVE, preamble=b"MZ" + bytes(126)), "preamble holds bytes of another kind of file"),
        (dicom_bytes(TWELVE, NumberOfFrames=30), "holds 30 frames; export single frames and send one"),
        (dicom_bytes(TWELVE, PixelData=None), "holds no image .no PixelData."),
        (dicom_bytes(TWELVE, Rows=None), "DICOM Rows is 'None', expected a whole number"),
        (dicom_bytes(TWELVE, Rows=60_000), "11x60000 pixels, at most 16,384 a side are accepted"),
        (dicom_bytes(TWELVE, BitsStored=12, HighBit=15), "HighBit 15, expected 11 for BitsStored 12"),
        (dicom_bytes(EIGHT, BitsStored=6), "BitsStored 6, expected 8 to 16"),
        (dicom_bytes(EIGHT, BitsStored=12), "BitsAllocated 8 with BitsStored 12"),
        (dicom_bytes(EIGHT, PhotometricInterpretation="PALETTE COLOR"), "PALETTE COLOR photometric interpretation"),
        (dicom_bytes(COLOUR.astype(np.uint16)), "colour of 16 bits a level, at most 8 are accepted"),
        (dicom_bytes(EIGHT[:7, :7]), "7x7 pixels, at least 8x8 are needed"),
    ],
)
def test_what_cannot_be_kept_as_stored_is_refused(data, message):
    with pytest.raises(BadImage, match=message):
        decode(data)


@pytest.mark.parametrize(
    ("syntax", "message"),
    [
        (DeflatedExplicitVRLittleEndian, r"deflated DICOM is not accepted; export the image uncompressed"),
        (JPEGLosslessSV1, r"JPEG Lossless.* needs a plug-in that is not installed here \(.*pylibjpeg-libjpeg"),
        (MPEG2MPML, r"MPEG2.* is not an image that can be decoded; export the image uncompressed"),
        ("1.2.3.4", r"is not an image that can be decoded"),
    ],
)
def test_a_compression_that_cannot_be_decoded_is_named(syntax, message):
    meant = dicom_bytes(TWELVE)
    dataset = dcmread(io.BytesIO(meant))
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax != DeflatedExplicitVRLittleEndian:
        dataset["PixelData"].is_undefined_length = True
        dataset.PixelData = b"\xfe\xff\x00\xe0\x00\x00\x00\x00\xfe\xff\x00\xe0\x04\x00\x00\x00\xff\xd8\xff\xd9"
    written = io.BytesIO()
    dataset.save_as(written, implicit_vr=False, little_endian=True)
    with pytest.raises(BadImage, match=message):
        decode(written.getvalue())


def test_sequences_nested_without_end_are_refused():
    dataset = dcmread(io.BytesIO(dicom_bytes(TWELVE)))
    written = io.BytesIO()
    dataset.save_as(written)
    # Sequence (0008,1115) of undefined length with one item of undefined length, opened again and again.
    opening = b"\x08\x00\x15\x11SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    data = written.getvalue()
    at = data.index(b"\x08\x00\x16\x00UI")
    with pytest.raises(BadImage, match=r"DICOM file is broken .*recursion"):
        decode(data[:at] + opening * 20_000 + data[at:])


def test_a_dataset_beside_the_image_does_no_harm():
    inner = Dataset()
    inner.Rows = 5
    data = dicom_bytes(TWELVE, ReferencedSeriesSequence=Sequence([inner]))
    assert decode(data).levels.shape == (9, 11, 1)


def test_the_budget_is_checked_before_decoding():
    with pytest.raises(BadImage, match=r"99 pixels, at most 98 are accepted"):
        decode(dicom_bytes(TWELVE), limits=Limits(max_pixels=98))
