"""PNG, JPEG, TIFF and BMP to levels, through Pillow."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import BmpImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, TiffImagePlugin
from PIL import Image as Picture

from datasets.errors import BadImage
from datasets.image import Image, Levels, grey_when_equal
from datasets.limits import MIN_SIDE, Limits
from datasets.png_depth import PNG_BITS, restored

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"BM", "bmp"),
)

# The plug-in is called by its class and not through `Image.open`: no other format can be reached, and Pillow's own
# limit on pixels, a process-wide setting that warns before it refuses, stays out of the way of ours.
_OPENERS: dict[str, Callable[[io.BytesIO], ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
}

DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    AssertionError,
    RuntimeError,
    EOFError,
    struct.error,
    zlib.error,
)
"""What Pillow and pydicom are seen to raise on broken bytes; MemoryError is told apart in `decode`."""

_PNG_BITS_AT, _PNG_COLOUR_AT = 24, 25
_PNG_GREY = 0
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_WHITE_IS_ZERO = 258, 262, 0
_REASON_SHOWN = 120


def raster_type(data: bytes) -> str | None:
    """The kind of file that the first bytes announce, None where it is none of ours."""
    return next((file_type for magic, file_type in _MAGIC if data.startswith(magic)), None)


def decode_raster(data: bytes, file_type: str, limits: Limits) -> Image:
    """Levels of a PNG, JPEG, TIFF or BMP file.

    Alpha is dropped, palettes and 1-bit pictures are expanded to 8 bits, EXIF rotation is not applied.

    Raises:
        BadImage: broken, truncated, over the limits, of several pages, or with levels that would have to be rounded.
    """
    try:
        picture = _OPENERS[file_type](io.BytesIO(data))
        check_size(picture.width, picture.height, limits)
        bits = _bits(picture, data, file_type)
        _refuse_second_page(data, file_type)
        picture.load()
        levels = _levels(picture, bits)
        if file_type == "png" and bits == PNG_BITS:
            levels, bits = restored(levels.astype(np.uint16), data)
    except BadImage:
        raise
    except DECODER_ERRORS as error:
        reason = str(error)[:_REASON_SHOWN] or type(error).__name__
        raise BadImage(
            f"the {file_type.upper()} file is broken or truncated ({reason}); export it again and send the new file"
        ) from error
    return Image(levels=grey_when_equal(levels), bits=bits, file_type=file_type)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Refuse an image by the size that its header states, before anything is decoded.

    Raises:
        BadImage: a side or the number of pixels is out of bounds.
    """
    if min(width, height) < MIN_SIDE:
        raise BadImage(f"{width}x{height} pixels, at least {MIN_SIDE}x{MIN_SIDE} are needed; send a larger image")
    if max(width, height) > limits.max_side:
        raise BadImage(f"{width}x{height} pixels, at most {limits.max_side:,} a side are accepted; scale it down first")
    if width * height > limits.max_pixels:
        raise BadImage(
            f"{width}x{height} = {width * height:,} pixels, at most {limits.max_pixels:,} are accepted; "
            "scale it down first"
        )


def _bits(picture: ImageFile.ImageFile, data: bytes, file_type: str) -> int:
    """Bits a level, refusing what Pillow would round to 8 without a word."""
    if file_type == "png" and data[_PNG_BITS_AT] == 16 and data[_PNG_COLOUR_AT] != _PNG_GREY:
        raise BadImage("a PNG with colour or alpha of 16 bits; save it as 16-bit grey or as 8-bit colour")
    if file_type == "tiff" and isinstance(picture, TiffImagePlugin.TiffImageFile):
        stored = max(picture.tag_v2.get(_TIFF_BITS, (1,)))
        if stored > 8 and not picture.mode.startswith("I;16"):
            raise BadImage(
                f"a TIFF of {stored} bits a level in mode {picture.mode}; save it as 16-bit unsigned grey or 8-bit RGB"
            )
        return int(max(stored, 8))
    return 16 if picture.mode.startswith("I;16") else 8


def _refuse_second_page(data: bytes, file_type: str) -> None:
    """Look for one more page and not for all: a hostile file can hold millions."""
    if file_type not in ("png", "tiff"):
        return
    picture = _OPENERS[file_type](io.BytesIO(data))
    try:
        picture.seek(1)
    except EOFError:
        return
    noun = "an animated PNG" if file_type == "png" else "a multi-page TIFF"
    raise BadImage(f"this is {noun}; save each page as a file of its own and send one")


def _levels(picture: ImageFile.ImageFile, bits: int) -> Levels:
    mode = picture.mode
    if mode.startswith("I;16"):
        levels = np.asarray(picture).astype(np.uint16)[..., None]
        return _turn_white_is_zero(picture, levels, bits)
    if mode == "1":
        return np.asarray(picture.convert("L"))[..., None]
    if mode == "L":
        return np.asarray(picture)[..., None]
    if mode == "LA":
        return np.ascontiguousarray(np.asarray(picture)[..., :1])
    if mode in ("P", "PA"):
        # By way of RGBA, because a transparent palette colour cannot be said in RGB.
        return np.ascontiguousarray(np.asarray(picture.convert("RGBA"))[..., :3])
    if mode in ("RGB", "RGBA", "RGBX"):
        return np.ascontiguousarray(np.asarray(picture)[..., :3])
    raise BadImage(f"colours stored as {mode}; save the image as grey or RGB")


def _turn_white_is_zero(picture: Picture.Image, levels: Levels, bits: int) -> Levels:
    """Black as 0 for a 16-bit TIFF too; Pillow turns those of 8 bits by itself."""
    tags = picture.tag_v2 if isinstance(picture, TiffImagePlugin.TiffImageFile) else {}
    if tags.get(_TIFF_PHOTOMETRIC) == _TIFF_WHITE_IS_ZERO:
        return (np.uint16((1 << bits) - 1) - levels).astype(np.uint16)
    return levels
