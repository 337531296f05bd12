"""From levels to the bytes of a file; what `datasets.decoding` reads."""

import io
from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image as Picture

from datasets.errors import BadImage
from datasets.image import MAX_BITS, MIN_BITS, Levels, check_levels, encode_png
from datasets.tiff_writing import encode_tiff

MIN_QUALITY, MAX_QUALITY = 1, 100


@dataclass(frozen=True, kw_only=True)
class FileFormat:
    """What files of one format can hold."""

    suffixes: tuple[str, ...]
    grey_bits: tuple[int, ...]
    rgb_bits: tuple[int, ...] = (MIN_BITS,)
    lossless: bool = True


_ANY_DEPTH = tuple(range(MIN_BITS, MAX_BITS + 1))

FORMATS: dict[str, FileFormat] = {
    "png": FileFormat(suffixes=(".png",), grey_bits=_ANY_DEPTH),
    "tiff": FileFormat(suffixes=(".tif", ".tiff"), grey_bits=(8, 12, 16)),
    "dicom": FileFormat(suffixes=(".dcm", ".dicom"), grey_bits=_ANY_DEPTH),
    "jpeg": FileFormat(suffixes=(".jpg", ".jpeg"), grey_bits=(MIN_BITS,), lossless=False),
}
"""By the names that `Image.file_type` has."""


def format_of(path: PurePath) -> str:
    """The format that the suffix of a file's name asks for.

    Raises:
        BadImage: it asks for none that can be written.
    """
    for name, kind in FORMATS.items():
        if path.suffix.lower() in kind.suffixes:
            return name
    known = ", ".join(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
    raise BadImage(f"{path.name}: the suffix {path.suffix!r} is none of a format that can be written; use {known}")


def check_fits(channels: int, bits: int, file_format: str, *, quality: int | None = None) -> None:
    """Refuse what a format cannot hold.

    Raises:
        BadImage: no such format, a depth or channels it does not have, or a quality where none belongs.
    """
    if file_format not in FORMATS:
        raise BadImage(f"no format {file_format!r}; there are {', '.join(FORMATS)}")
    kind, name = FORMATS[file_format], file_format.upper()
    colour, held = ("grey", kind.grey_bits) if channels == 1 else ("RGB", kind.rgb_bits)
    if bits not in held:
        way_out = "write it as PNG or DICOM" if channels == 1 else "convert it to grey or to 8 bits"
        depths = ", ".join(map(str, held))
        raise BadImage(f"{colour} of {bits} bits cannot be written as {name}, which holds {depths}; {way_out}")
    if kind.lossless and quality is not None:
        raise BadImage(f"quality {quality} for a {name}, which loses nothing; leave it out or write a JPEG")
    if not kind.lossless and (quality is None or not MIN_QUALITY <= quality <= MAX_QUALITY):
        raise BadImage(f"quality {quality} for a {name}; give a whole number from {MIN_QUALITY} to {MAX_QUALITY}")


def encode(
    levels: Levels, bits: int, file_format: str, *, quality: int | None = None, photometric: str | None = None
) -> bytes:
    """The bytes of a file; those of a lossless format decode to exactly these levels and bits.

    RGB whose channels are equal comes back as grey, as from every file. The same levels give the same bytes.

    Args:
        levels: (H, W, C).
        bits: their depth, 8 to 16.
        file_format: one of `FORMATS`.
        quality: of a JPEG, 1 to 100; none for the others.
        photometric: of a DICOM file, MONOCHROME1 where its white shall be stored as 0.

    Raises:
        BadImage: not an image, or more than the format can hold.
    """
    check_levels(levels, bits)
    check_fits(levels.shape[2], bits, file_format, quality=quality)
    if photometric is not None and file_format != "dicom":
        raise BadImage(f"photometric interpretation {photometric} for a {file_format.upper()}; only DICOM names one")
    if file_format == "png":
        return encode_png(levels, bits)
    if file_format == "tiff":
        return encode_tiff(levels, bits)
    if file_format == "dicom":
        # pydicom takes long to import, so only a DICOM file pays for it.
        from datasets.dicom_writing import encode_dicom

        return encode_dicom(levels, bits, photometric=photometric)
    return _encode_jpeg(levels, quality or MAX_QUALITY)


def _encode_jpeg(levels: Levels, quality: int) -> bytes:
    """A baseline JPEG; colour at half resolution, as libjpeg and most cameras and programs write it."""
    written = io.BytesIO()
    picture = Picture.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)
    picture.save(written, format="JPEG", quality=quality, subsampling="4:2:0")
    return written.getvalue()
