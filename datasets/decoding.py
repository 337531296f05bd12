"""From the bytes of a file to the levels that it stores."""

import warnings

from datasets.errors import BadImage
from datasets.image import Image
from datasets.limits import Limits
from datasets.raster import decode_raster, raster_type

__all__ = ["Limits", "decode"]

_DICOM_MARK_AT = 128
_NAME_SHOWN = 200

_KNOWN_STRANGERS = (
    (0, b"GIF8", "a GIF"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"jP  ", "a bare JPEG 2000 picture"),
    (4, b"ftyp", "a HEIF/AVIF picture or a video"),
    (0, b"%PDF", "a PDF"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (344, b"n+1\x00", "a NIfTI volume"),
    (0, b"\x93NUMPY", "a NumPy array"),
)


def decode(data: bytes, *, name: str = "", limits: Limits | None = None) -> Image:
    """Decode one image file whose kind is told by its first bytes, not by its name.

    Runs in the calling process: for a file that a stranger sent use `datasets.jail.decode_jailed`.

    Args:
        data: the whole file: PNG, JPEG, TIFF, BMP or single-frame DICOM.
        name: what to call the file in a refusal.
        limits: what the file may ask of us; the defaults of `Limits` when absent.

    Raises:
        BadImage: with the cause and what to do about it.
    """
    try:
        with warnings.catch_warnings():
            # Both libraries warn about odd metadata, which is dropped here anyway.
            warnings.simplefilter("ignore")
            return _decode(data, limits or Limits())
    except MemoryError as error:
        raise BadImage(f"{name[:_NAME_SHOWN]}: decoding ran out of memory; scale the image down first") from error
    except BadImage as error:
        raise BadImage(f"{name[:_NAME_SHOWN]}: {error}" if name else str(error)) from error


def _decode(data: bytes, limits: Limits) -> Image:
    if not data:
        raise BadImage("the file is empty (0 bytes); send it again")
    if len(data) > limits.max_bytes:
        raise BadImage(
            f"the file has {len(data):,} bytes, at most {limits.max_bytes:,} are accepted; send a smaller image"
        )
    if data[_DICOM_MARK_AT : _DICOM_MARK_AT + 4] == b"DICM":
        # pydicom takes longer to import than a PNG to decode, so only a DICOM file pays for it.
        from datasets.dicom import decode_dicom

        return decode_dicom(data, limits)
    file_type = raster_type(data)
    if file_type is None:
        raise BadImage(f"{_say_what_it_is(data)}; send a PNG, JPEG, TIFF, BMP or single-frame DICOM file")
    return decode_raster(data, file_type, limits)


def _say_what_it_is(data: bytes) -> str:
    for offset, magic, noun in _KNOWN_STRANGERS:
        if data[offset : offset + len(magic)] == magic:
            return f"this is {noun}"
    return "this is not an image that can be read here"
