"""Levels to a DICOM file: a secondary capture that names nobody."""

import hashlib
import io

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from datasets.errors import BadImage
from datasets.image import MIN_BITS, Levels

GREY = ("MONOCHROME2", "MONOCHROME1")
# Those that the standard wants to be there and lets be empty (PS3.3, A.8.1: type 2).
_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
    "SeriesNumber",
    "InstanceNumber",
    "PatientOrientation",
)


def encode_dicom(levels: Levels, bits: int, *, photometric: str | None = None) -> bytes:
    """A single-frame DICOM file, uncompressed, that decodes to exactly these levels.

    The same levels give the same bytes: the identifiers are made from them, and there are no dates.

    Args:
        levels: (H, W, C), checked.
        bits: 8 to 16, the BitsStored; RGB has 8.
        photometric: what the stored numbers mean: MONOCHROME2, or MONOCHROME1 where white is 0; None for the usual.

    Raises:
        BadImage: an interpretation that such levels cannot have.
    """
    allowed = GREY if levels.shape[2] == 1 else ("RGB",)
    meaning = photometric or allowed[0]
    if meaning not in allowed:
        raise BadImage(f"photometric interpretation {meaning}, expected {' or '.join(allowed)} for these levels")
    stored = levels
    if meaning == "MONOCHROME1":
        stored = (((1 << bits) - 1) - levels.astype(np.int32)).astype(levels.dtype)
    dataset = _described(stored, bits, meaning)
    pixels = np.ascontiguousarray(stored.astype(stored.dtype.newbyteorder("<"))).tobytes()
    dataset.PixelData = pixels + bytes(len(pixels) % 2)
    dataset["PixelData"].VR = "OB" if bits == MIN_BITS else "OW"
    _identify(dataset, f"{meaning} {bits} {levels.shape}".encode() + pixels)
    written = io.BytesIO()
    dcmwrite(written, dataset, enforce_file_format=True)
    return written.getvalue()


def _described(stored: Levels, bits: int, meaning: str) -> Dataset:
    dataset = Dataset()
    for keyword in _EMPTY:
        setattr(dataset, keyword, "" if keyword not in ("SeriesNumber", "InstanceNumber") else None)
    dataset.SOPClassUID = SecondaryCaptureImageStorage
    dataset.Modality = "OT"
    dataset.ConversionType = "WSD"
    dataset.ImageType = ["DERIVED", "SECONDARY"]
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = stored.shape
    if stored.shape[2] == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = meaning
    dataset.BitsAllocated = stored.itemsize * 8
    dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = 0
    return dataset


def _identify(dataset: Dataset, content: bytes) -> None:
    """Give study, series and image identifiers that hang on the content alone."""
    digest = hashlib.sha256(content).hexdigest()
    study, series, image = (generate_uid(entropy_srcs=[digest, what]) for what in ("study", "series", "image"))
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = study, series, image
    dataset.file_meta = _meta(image)


def _meta(image: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = image
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return meta
