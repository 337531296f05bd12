"""Single-frame DICOM to stored levels, through pydicom."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from datasets.errors import BadImage
from datasets.image import MAX_BITS, MIN_BITS, Image, Levels, grey_when_equal
from datasets.limits import Limits
from datasets.raster import DECODER_ERRORS, check_size

_PREAMBLE_BYTES = 128
_META_AT = _PREAMBLE_BYTES + 4
_META_GROUP = 0x0002
_TIFF_MAGIC = (b"II*\x00", b"MM\x00*")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_REASON_SHOWN = 120


def decode_dicom(data: bytes, limits: Limits) -> Image:
    """Stored levels of a single-frame DICOM file, without windowing or rescaling.

    Signed levels are shifted up by half their range, MONOCHROME1 is turned so that black is 0, YBR becomes RGB.

    Raises:
        BadImage: not a plain single-frame image, over the limits, or in a compression that cannot be decoded here.
    """
    try:
        _check_preamble(data)
        syntax = _transfer_syntax(data)
        dataset = dcmread(io.BytesIO(data))
        _check_frame(dataset, limits)
        _check_decoder(syntax)
        return _image(dataset)
    except BadImage:
        raise
    # RecursionError, from sequences nested a thousand deep, is a RuntimeError and so among these.
    except (*DECODER_ERRORS, InvalidDicomError) as error:
        reason = str(error)[:_REASON_SHOWN] or type(error).__name__
        raise BadImage(
            f"the DICOM file is broken or truncated ({reason}); export it again and send the new file"
        ) from error


def photometric_interpretation(path: str) -> str:
    """What the levels of a DICOM file mean, such as MONOCHROME1; for a stranger's file run it in the jail.

    Raises:
        BadImage: the file is no DICOM file, or broken.
    """
    try:
        _transfer_syntax(Path(path).read_bytes())
        return _photometric(dcmread(path, stop_before_pixels=True))
    except BadImage:
        raise
    except (*DECODER_ERRORS, InvalidDicomError) as error:
        raise BadImage(f"the DICOM file is broken or truncated ({str(error)[:_REASON_SHOWN]})") from error


def _check_preamble(data: bytes) -> None:
    """Refuse a file that is also something else: the preamble can carry a program."""
    preamble = data[:_PREAMBLE_BYTES]
    if preamble.strip(b"\x00") and not preamble.startswith(_TIFF_MAGIC):
        raise BadImage("the DICOM preamble holds bytes of another kind of file; export the image again")


def _transfer_syntax(data: bytes) -> UID:
    """The transfer syntax, read before anything else because a deflated file would be inflated without a bound."""
    meta = read_dataset(
        io.BytesIO(data[_META_AT:]), False, True, stop_when=lambda tag, vr, length: tag >> 16 != _META_GROUP
    )
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if not syntax:
        raise BadImage("the DICOM file does not say its transfer syntax; export it again")
    if syntax == DeflatedExplicitVRLittleEndian:
        raise BadImage("deflated DICOM is not accepted; export the image uncompressed (Explicit VR Little Endian)")
    return syntax


def _check_frame(dataset: Dataset, limits: Limits) -> None:
    if "PixelData" not in dataset:
        raise BadImage("the DICOM file holds no image (no PixelData); send the image of the series")
    frames = _whole_number(dataset, "NumberOfFrames", default=1)
    if frames != 1:
        raise BadImage(f"the DICOM file holds {frames} frames; export single frames and send one")
    check_size(_whole_number(dataset, "Columns"), _whole_number(dataset, "Rows"), limits)
    allocated, stored = _whole_number(dataset, "BitsAllocated"), _bits(dataset)
    if allocated not in (8, 16) or stored > allocated:
        raise BadImage(f"BitsAllocated {allocated} with BitsStored {stored}, expected 8 or 16; export as 16-bit image")
    if (high := _whole_number(dataset, "HighBit", default=stored - 1)) != stored - 1:
        raise BadImage(f"HighBit {high}, expected {stored - 1} for BitsStored {stored}; export the image again")
    meaning, samples = _photometric(dataset), _whole_number(dataset, "SamplesPerPixel", default=1)
    if (meaning, samples) not in {(grey, 1) for grey in _GREY} | {(colour, 3) for colour in _COLOUR}:
        raise BadImage(f"{meaning or 'no'} photometric interpretation with {samples} samples; export as grey or RGB")
    if samples == 3 and stored > MIN_BITS:
        raise BadImage(f"colour of {stored} bits a level, at most 8 are accepted; export as 8-bit RGB or as grey")


def _check_decoder(syntax: UID) -> None:
    """Name what is missing where a compressed image cannot be decoded."""
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise BadImage(
            f"DICOM compression {syntax.name} is not an image that can be decoded; export the image uncompressed"
        ) from error
    if not decoder.is_available:
        plug_ins = "; or ".join(decoder.missing_dependencies)
        raise BadImage(
            f"DICOM compression {syntax.name} needs a plug-in that is not installed here ({plug_ins}); install it, or "
            "export the image uncompressed"
        )


def _image(dataset: Dataset) -> Image:
    bits = _bits(dataset)
    stored = np.asarray(pixel_array(dataset))
    rows, columns = _whole_number(dataset, "Rows"), _whole_number(dataset, "Columns")
    if stored.shape[:2] != (rows, columns):
        raise BadImage(f"decoded shape {stored.shape}, the header says {rows} rows of {columns}; export it again")
    signed = _whole_number(dataset, "PixelRepresentation", default=0) == 1
    levels = _unsigned(stored, bits, signed=signed)
    if _photometric(dataset) == "MONOCHROME1":
        levels = (levels.dtype.type((1 << bits) - 1) - levels).astype(levels.dtype)
    if levels.ndim == 2:
        levels = levels[..., None]
    return Image(levels=grey_when_equal(levels), bits=bits, file_type="dicom")


def _unsigned(stored: npt.NDArray[np.integer], bits: int, *, signed: bool) -> Levels:
    """The lowest `bits` bits, where old files keep overlays above them, with the sign bit turned for signed levels.

    Turning the sign bit of a two's complement number is the same as adding half the range to it.
    """
    levels = stored.astype(np.int32) & ((1 << bits) - 1)
    if signed:
        levels ^= 1 << (bits - 1)
    return levels.astype(np.uint8 if bits == MIN_BITS else np.uint16)


def _bits(dataset: Dataset) -> int:
    bits = _whole_number(dataset, "BitsStored")
    if not MIN_BITS <= bits <= MAX_BITS:
        raise BadImage(f"BitsStored {bits}, expected {MIN_BITS} to {MAX_BITS}; export the image with 8 or 16 bits")
    return bits


def _photometric(dataset: Dataset) -> str:
    return str(dataset.get("PhotometricInterpretation", ""))


def _whole_number(dataset: Dataset, keyword: str, *, default: int | None = None) -> int:
    value = dataset.get(keyword)
    if value in (None, "") and default is not None:
        return default
    # Number strings (NumberOfFrames) are a subclass of int, and a float or a list is nothing to trust.
    if not isinstance(value, int):
        raise BadImage(f"DICOM {keyword} is {str(value)[:40]!r}, expected a whole number; export the image again")
    return int(value)
