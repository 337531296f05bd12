"""Small DICOM files for tests."""

import io

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def dicom_bytes(array, *, syntax=ExplicitVRLittleEndian, preamble=bytes(128), **elements):
    """A file that stores the array as it is; `elements` overwrite what its header says, None deletes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["scangate"])
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset("", Dataset(), file_meta=meta, preamble=preamble)
    colour = array.ndim == 3
    values = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Rows": array.shape[0],
        "Columns": array.shape[1],
        "SamplesPerPixel": 3 if colour else 1,
        "PlanarConfiguration": 0 if colour else None,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "BitsAllocated": array.itemsize * 8,
        "BitsStored": array.itemsize * 8,
        "HighBit": None,
        "PixelRepresentation": int(array.dtype.kind == "i"),
        "PixelData": np.ascontiguousarray(array).tobytes(),
        **elements,
    }
    if values["HighBit"] is None and values["BitsStored"] is not None:
        values["HighBit"] = values["BitsStored"] - 1
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset.PixelData += bytes(len(dataset.PixelData) % 2)
        dataset["PixelData"].VR = "OB" if array.itemsize == 1 else "OW"
    written = io.BytesIO()
    dataset.save_as(written, enforce_file_format=True)
    return written.getvalue()
