"""PNG, JPEG, TIFF and BMP to levels, through Pillow."""

import io

import numpy as np
import pytest
from PIL import Image as Picture
from PIL.PngImagePlugin import PngInfo

from datasets.decoding import decode
from datasets.errors import BadImage

RNG = np.random.default_rng(1)
GREY = RNG.integers(0, 256, size=(9, 11), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, size=(9, 11, 3), dtype=np.uint8)
DEEP = RNG.integers(0, 65536, size=(9, 11), dtype=np.uint16)


def save(picture, file_type, **options):
    written = io.BytesIO()
    picture.save(written, format=file_type, **options)
    return written.getvalue()


def write(array, file_type, **options):
    return save(Picture.fromarray(array), file_type, **options)


@pytest.mark.parametrize("file_type", ["PNG", "TIFF", "BMP"])
@pytest.mark.parametrize("array", [GREY, COLOUR], ids=["grey", "colour"])
def test_lossless_files_keep_their_levels(file_type, array):
    image = decode(write(array, file_type))
    np.testing.assert_array_equal(image.levels, array.reshape(9, 11, -1))
    assert image.bits == 8


@pytest.mark.parametrize("file_type", ["PNG", "TIFF"])
def test_sixteen_bit_grey_keeps_its_levels(file_type):
    image = decode(write(DEEP, file_type))
    np.testing.assert_array_equal(image.levels[..., 0], DEEP)
    assert (image.bits, image.levels.dtype) == (16, np.uint16)


def test_big_endian_tiff_keeps_its_levels():
    little = write(DEEP, "TIFF")
    assert little[:2] == b"II"
    picture = Picture.frombytes("I;16B", (11, 9), DEEP.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode(save(picture, "TIFF")).levels[..., 0], DEEP)


@pytest.mark.parametrize("array", [GREY, DEEP], ids=["8-bit", "16-bit"])
def test_a_tiff_where_white_is_zero_is_turned(array):
    highest = np.iinfo(array.dtype).max
    straight = decode(write(array, "TIFF")).levels
    data = write(array, "TIFF", tiffinfo={262: 0})
    turned = Picture.open(io.BytesIO(data))
    assert turned.tag_v2[262] == 0
    stored = np.frombuffer(data, array.dtype, count=99, offset=turned.tag_v2[273][0]).reshape(9, 11)
    np.testing.assert_array_equal(decode(data).levels[..., 0], highest - stored)
    np.testing.assert_array_equal(straight[..., 0], array)


def test_jpeg_gives_what_pillow_decodes():
    data = write(GREY, "JPEG", quality=90)
    np.testing.assert_array_equal(decode(data).levels[..., 0], np.asarray(Picture.open(io.BytesIO(data))))


def test_rgb_with_equal_channels_becomes_grey():
    data = write(np.repeat(GREY[..., None], 3, axis=2), "PNG")
    np.testing.assert_array_equal(decode(data).levels, GREY[..., None])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped(mode):
    array = GREY if mode == "LA" else COLOUR
    picture = Picture.fromarray(array)
    picture.putalpha(Picture.fromarray(GREY[::-1].copy()))
    assert picture.mode == mode
    np.testing.assert_array_equal(decode(save(picture, "PNG")).levels, array.reshape(9, 11, -1))


def test_one_bit_is_expanded_to_eight():
    mask = GREY > 127
    levels = decode(save(Picture.fromarray(mask), "PNG")).levels
    np.testing.assert_array_equal(levels[..., 0], mask * np.uint8(255))


@pytest.mark.parametrize("options", [{}, {"transparency": 0}, {"transparency": bytes([0, 9])}])
def test_palettes_are_expanded(options):
    picture = Picture.fromarray(COLOUR).quantize(16)
    expected = np.asarray(picture.convert("RGB"))
    np.testing.assert_array_equal(decode(save(picture, "PNG", **options)).levels, expected)


def test_exif_rotation_is_not_applied():
    exif = Picture.Exif()
    exif[274] = 6
    assert decode(write(GREY, "JPEG", exif=exif.tobytes())).levels.shape == (9, 11, 1)


def test_metadata_that_inflates_without_end_is_refused():
    info = PngInfo()
    info.add_text("bomb", "a" * 70_000_000, zip=True)
    data = write(GREY, "PNG", pnginfo=info)
    assert len(data) < 100_000
    with pytest.raises(BadImage, match="PNG file is broken"):
        decode(data)


@pytest.mark.parametrize("file_type", ["TIFF", "PNG"])
def test_several_pages_are_refused_with_the_way_out(file_type):
    pages = [Picture.fromarray(GREY), Picture.fromarray(GREY[::-1].copy())]
    data = save(pages[0], file_type, save_all=True, append_images=pages[1:])
    with pytest.raises(BadImage, match=r"(multi-page TIFF|animated PNG); save each page as a file of its own"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (write(GREY.astype(np.float32), "TIFF"), "a TIFF of 32 bits a level in mode F; save it as 16-bit unsigned"),
        (write(GREY.astype(np.int32), "TIFF"), "a TIFF of 32 bits a level in mode I"),
        (save(Picture.fromarray(COLOUR).convert("CMYK"), "JPEG"), "colours stored as CMYK; save the image as grey"),
    ],
    ids=["float", "32-bit", "cmyk"],
)
def test_levels_that_would_be_rounded_are_refused(data, message):
    with pytest.raises(BadImage, match=message):
        decode(data)


def test_colour_of_sixteen_bits_is_refused_and_not_rounded():
    data = bytearray(write(COLOUR, "PNG"))
    data[24] = 16
    with pytest.raises(BadImage, match=r"colour or alpha of 16 bits; save it as 16-bit grey|broken"):
        decode(bytes(data))
