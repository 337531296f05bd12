"""The overlays of STRIP as a file of a gate."""

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from datasets.atomic import sha256_file
from pipeline.errors import BadGate
from pipeline.gate.strip import StripPoint
from pipeline.models.spec import ClassifierSpec

OVERLAYS_FILE = "overlays.safetensors"

_NAME = "overlays"


def save_overlays(overlays: np.ndarray, path: Path) -> str:
    """Write overlays (m, C, H, W), float32 in [0, 1]; give the SHA-256 of the file."""
    save_file({_NAME: np.ascontiguousarray(overlays, dtype=np.float32)}, path)
    return sha256_file(path)


def check_overlays(folder: Path, point: StripPoint) -> None:
    """Refuse a gate whose overlays are not those that it was released with.

    Raises:
        BadGate: their file is missing or was changed.
    """
    try:
        digest = sha256_file(folder / OVERLAYS_FILE)
    except OSError as e:
        raise BadGate(f"{folder.name}: the overlays of STRIP cannot be read: {e}; release the detector again") from e
    if digest != point.overlays_sha256:
        raise BadGate(
            f"{folder.name}: {OVERLAYS_FILE} has SHA-256 {digest[:16]}…, {point.overlays_sha256[:16]}… was released; "
            "the file was changed, release the detector again"
        )


def load_overlays(folder: Path, point: StripPoint, spec: ClassifierSpec) -> np.ndarray:
    """The overlays (m, C, H, W) of a gate's folder, read-only.

    Raises:
        BadGate: they are not as many images of the classifier's size, in [0, 1].
    """
    try:
        overlays = load_file(folder / OVERLAYS_FILE)[_NAME]
    except (OSError, KeyError, SafetensorError) as e:
        raise BadGate(f"{folder.name}: {OVERLAYS_FILE} cannot be read: {e}; release the detector again") from e
    expected = (point.n_overlays, spec.channels, spec.height, spec.width)
    # Written so that what is not a number is refused as well.
    if overlays.shape != expected or not (overlays.min() >= 0 and overlays.max() <= 1):
        raise BadGate(
            f"{folder.name}: overlays {overlays.shape} from {overlays.min():g} to {overlays.max():g}; expected "
            f"{expected} in [0, 1]; release the detector again"
        )
    overlays.flags.writeable = False
    return overlays
