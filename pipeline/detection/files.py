"""A detector as a folder: weights in safetensors, all else in JSON, both under one content id."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from datasets.atomic import content_id, read_json, replacing_folder, sha256_file, write_json
from detector.fused import FusedDetector
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.errors import BadDetector
from pipeline.provenance.record import checked

WEIGHTS_FILE = "weights.safetensors"
JSON_FILE = "detector.json"

_FORMAT = 4


@dataclass(frozen=True)
class Detector:
    """A detector on disk.

    Attributes:
        id: hash of its weights, classifier and calibration.
        name: for people.
        folder: where it lies.
        classifier_id: whose features and logits it reads; it is of no use beside another.
        weights_sha256: of its weights' file.
        calibration: scores of the clean calibration scans, sorted upwards.
        parents: ids of what it was made from.
        notes: JSON values on how it came about.
    """

    id: str
    name: str
    folder: Path
    classifier_id: str
    weights_sha256: str
    calibration: np.ndarray = field(repr=False, compare=False)
    parents: tuple[str, ...] = ()
    notes: Mapping[str, object] = field(default_factory=dict)


def save_detector(
    fused: FusedDetector,
    calibration: np.ndarray,
    root: Path,
    *,
    name: str,
    classifier_id: str,
    parents: Sequence[str] = (),
    notes: Mapping[str, object] | None = None,
) -> Detector:
    """Write a detector to `root/<id>`, whole or not at all; the same detector keeps its first name.

    Args:
        fused: the fitted detector.
        calibration: its scores of clean calibration scans, in any order.
        root: the folder of all detectors.
        name: for people.
        classifier_id: the classifier that it was fitted beside.
        parents: ids of what it was made from.
        notes: JSON values on how it was made.

    Raises:
        BadDetector: a calibration score is not finite.
    """
    described = {"name": name, "classifier_id": classifier_id, "parents": list(parents), "notes": dict(notes or {})}
    return _write(save(fused.state()), calibration, root, described)


def save_calibrated(
    detector: Detector,
    calibration: np.ndarray,
    root: Path,
    *,
    name: str,
    parents: Sequence[str],
    notes: Mapping[str, object],
) -> Detector:
    """Write a detector of the same weights with other calibration scores; the first one stays as it is.

    Raises:
        BadDetector: a calibration score is not finite.
    """
    described = {"name": name, "classifier_id": detector.classifier_id, "parents": list(parents), "notes": dict(notes)}
    return _write((detector.folder / WEIGHTS_FILE).read_bytes(), calibration, root, described)


def open_detector(folder: Path) -> Detector:
    """The detector of a folder, proven to be as it was written.

    Raises:
        BadDetector: a file is missing, unreadable, or not the one that the id was made from.
        BrokenHistory: its history is not whole, or it is not what its history says.
    """
    try:
        described = read_json(folder / JSON_FILE)
        digest = sha256_file(folder / WEIGHTS_FILE)
    except (OSError, ValueError) as e:
        raise BadDetector(f"{folder.name}: not a detector's folder: {e}; train it again") from e
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        raise BadDetector(f"{folder.name}: {JSON_FILE} is not of format {_FORMAT}; train the detector again")
    try:
        expected = _id(digest, described["classifier_id"], described["calibration"])
        detector = Detector(
            id=expected,
            name=described["name"],
            folder=folder,
            classifier_id=described["classifier_id"],
            weights_sha256=digest,
            calibration=np.array(described["calibration"], dtype=np.float64),
            parents=tuple(described["parents"]),
            notes=described["notes"],
        )
    except (KeyError, TypeError, ValueError) as e:
        raise BadDetector(f"{folder.name}: {JSON_FILE} lacks or garbles {e}; train the detector again") from e
    if digest != described["weights_sha256"] or expected != described["id"]:
        raise BadDetector(
            f"{folder.name}: weights of SHA-256 {digest[:16]}… and calibration make the id {expected}, "
            f"{described['id']} is written there; the folder was changed, train the detector again"
        )
    checked(folder)
    return detector


def load_detector(detector: Detector) -> FusedDetector:
    """The detector in evaluation mode, on the CPU.

    Raises:
        BadDetector: its tensors make no detector.
    """
    try:
        state = load_file(detector.folder / WEIGHTS_FILE)
    except (OSError, SafetensorError) as e:
        raise BadDetector(f"{detector.folder.name}: {WEIGHTS_FILE} cannot be read: {e}; train it again") from e
    with as_pipeline_errors():
        return FusedDetector.from_state(state)


def _write(weights: bytes, calibration: np.ndarray, root: Path, described: Mapping[str, object]) -> Detector:
    if not np.isfinite(calibration).all():
        raise BadDetector("calibration scores hold NaN or infinity; check the classifier's weights and train again")
    digest = hashlib.sha256(weights).hexdigest()
    scores = [float(score) for score in np.sort(calibration)]
    detector_id = _id(digest, str(described["classifier_id"]), scores)
    if not (root / detector_id).exists():
        with replacing_folder(root / detector_id) as incoming:
            (incoming / WEIGHTS_FILE).write_bytes(weights)
            made = {"format": _FORMAT, "id": detector_id, "weights_sha256": digest, "calibration": scores, **described}
            write_json(incoming / JSON_FILE, made)
    return open_detector(root / detector_id)


def _id(weights_sha256: str, classifier_id: str, calibration: list[float]) -> str:
    return content_id({"weights": weights_sha256, "classifier": classifier_id, "calibration": calibration})
