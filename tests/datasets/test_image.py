"""An image as the levels its file stores."""

import numpy as np
import pytest

from datasets.decoding import decode
from datasets.errors import BadImage
from datasets.image import Image, encode_png, grey_when_equal, to_unit


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("bits", "channels"), [(8, 1), (8, 3), (16, 1)])
def test_png_gives_back_the_same_levels(rng, bits, channels):
    dtype = np.uint8 if bits == 8 else np.uint16
    levels = rng.integers(0, 1 << bits, size=(9, 11, channels)).astype(dtype)
    image = decode(encode_png(levels, bits))
    np.testing.assert_array_equal(image.levels, levels)
    assert image.bits == bits


def test_twelve_bits_keep_their_numbers_in_a_png(rng):
    levels = rng.integers(0, 1 << 12, size=(9, 11, 1)).astype(np.uint16)
    np.testing.assert_array_equal(decode(encode_png(levels, 12)).levels, levels)


def test_rgb_of_sixteen_bits_is_refused_with_the_way_out():
    with pytest.raises(BadImage, match="RGB of 16 bits cannot be written as PNG; convert it to grey"):
        encode_png(np.zeros((8, 8, 3), np.uint16), 16)


def test_unit_range_is_reached_at_both_ends():
    levels = np.array([[[0], [4095]]], np.uint16)
    unit = to_unit(levels, 12)
    assert unit.dtype == np.float32
    assert unit.ravel().tolist() == [0.0, 1.0]


def test_rgb_with_equal_channels_becomes_grey():
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8, 1)
    np.testing.assert_array_equal(grey_when_equal(np.repeat(grey, 3, axis=2)), grey)
    colour = np.concatenate([grey, grey, grey + 1], axis=2)
    assert grey_when_equal(colour).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("levels", "bits", "message"),
    [
        (np.zeros((8, 8), np.uint8), 8, r"shape \(8, 8\), expected \(height, width, 1 or 3\)"),
        (np.zeros((8, 8, 2), np.uint8), 8, "expected"),
        (np.zeros((0, 8, 1), np.uint8), 8, "expected"),
        (np.zeros((8, 8, 1), np.uint16), 8, "levels of type uint16, expected uint8 for 8 bits"),
        (np.zeros((8, 8, 1), np.uint8), 12, "levels of type uint8, expected uint16 for 12 bits"),
        (np.full((8, 8, 1), 4096, np.uint16), 12, "level 4096, expected at most 4095 for 12 bits"),
        (np.zeros((8, 8, 1), np.uint8), 7, "7 bits a level, expected 8 to 16"),
    ],
)
def test_what_is_no_image_is_refused(levels, bits, message):
    with pytest.raises(BadImage, match=message):
        Image(levels=levels, bits=bits, file_type="png")
