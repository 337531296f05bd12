"""A gate as a folder: one graph and one JSON file, with STRIP also its overlays, under an id that all make."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from datasets.atomic import content_id, read_json, replacing_folder, sha256_file, write_json
from detector.conformal import false_alarm_band
from detector.errors import FeatureMismatch
from pipeline.errors import BadGate, PipelineError
from pipeline.gate.decision import OperatingPoint
from pipeline.gate.overlays import OVERLAYS_FILE, check_overlays
from pipeline.gate.strip import StripPoint
from pipeline.models.spec import ClassifierSpec

GRAPH_FILE = "gate.onnx"
JSON_FILE = "gate.json"
PREPROCESSING = 1
"""The version of `fit_levels`: a gate compiled for another one is refused, since its scores would not hold."""

_FORMAT = 2
# What a gate is; its name is for people and no part of that.
_ESSENTIAL = (
    "format",
    "preprocessing",
    "spec",
    "graph_sha256",
    "classifier_id",
    "classifier_sha256",
    "detector_id",
    "detector_sha256",
    "alpha",
    "alpha_uncertain",
    "calibration",
)
_STRIP = "strip"
"""The only key that a gate may lack; one without STRIP is written, and called, as gates were before there was any."""


@dataclass(frozen=True)
class Gate:
    """A gate on disk.

    Attributes:
        id: hash of its graph, models, operating point and calibration.
        name: for people.
        folder: where it lies.
        spec: of its classifier: classes, channels and size.
        graph_sha256: of the graph's file.
        classifier_id: its classifier; `classifier_sha256` of the weights.
        detector_id: its detector; `detector_sha256` of the weights.
        alpha: up to this p-value a scan is adversarial.
        alpha_uncertain: up to this one it is uncertain.
        calibration: scores of clean scans, sorted upwards.
        notes: JSON values on how it was made.
        strip: how it looks for backdoor triggers; None where it does not.
    """

    id: str
    name: str
    folder: Path
    spec: ClassifierSpec
    graph_sha256: str
    classifier_id: str
    classifier_sha256: str
    detector_id: str
    detector_sha256: str
    alpha: float
    alpha_uncertain: float
    calibration: np.ndarray = field(repr=False, compare=False)
    notes: Mapping[str, object] = field(default_factory=dict)
    strip: StripPoint | None = None

    @property
    def n_calibration(self) -> int:
        """How many clean scans the gate was calibrated on."""
        return len(self.calibration)

    @property
    def band(self) -> tuple[float, float]:
        """Where the realised false-alarm rate at `alpha` lies with 95 % probability."""
        return false_alarm_band(self.n_calibration, self.alpha)

    @property
    def point(self) -> OperatingPoint:
        """At what rates it decides."""
        return OperatingPoint(
            alpha=self.alpha,
            alpha_uncertain=self.alpha_uncertain,
            band=self.band,
            n_calibration=self.n_calibration,
            strip=None if self.strip is None else self.strip.at(),
        )


def write_gate(
    graph: Path, described: Mapping[str, object], root: Path, *, name: str, notes: object, overlays: Path | None = None
) -> Gate:
    """Move a compiled graph to `root/<id>` and describe it there; the same gate keeps its first name.

    Args:
        graph: the compiled file.
        described: all essential keys but `format`, `preprocessing` and `graph_sha256`; with overlays also `strip`.
        root: the folder of all gates.
        name: for people.
        notes: JSON values on how it was made.
        overlays: the file of STRIP's overlays.
    """
    whole = {
        "format": _FORMAT,
        "preprocessing": PREPROCESSING,
        "graph_sha256": sha256_file(graph),
        **described,
    }
    gate_id = _id(whole)
    if not (root / gate_id).exists():
        with replacing_folder(root / gate_id) as incoming:
            (incoming / GRAPH_FILE).write_bytes(graph.read_bytes())
            if overlays is not None:
                (incoming / OVERLAYS_FILE).write_bytes(overlays.read_bytes())
            write_json(incoming / JSON_FILE, {"id": gate_id, "name": name, "notes": notes, **whole})
    return read_gate(root / gate_id)


def read_gate(folder: Path) -> Gate:
    """The gate of a folder, proven to be as it was released.

    Raises:
        BadGate: a file is missing, unreadable or changed, or the gate was made for another preprocessing.
    """
    try:
        described = read_json(folder / JSON_FILE)
        digest = sha256_file(folder / GRAPH_FILE)
    except (OSError, ValueError) as e:
        raise BadGate(f"{folder.name}: not a gate's folder: {e}; release the detector again") from e
    if not isinstance(described, dict) or described.get("format") != _FORMAT:
        raise BadGate(f"{folder.name}: {JSON_FILE} is not of format {_FORMAT}; release the detector again")
    if described.get("preprocessing") != PREPROCESSING:
        raise BadGate(
            f"{folder.name}: compiled for preprocessing {described.get('preprocessing')}, this is version "
            f"{PREPROCESSING}; release the detector again"
        )
    try:
        if digest != described["graph_sha256"]:
            raise BadGate(
                f"{folder.name}: {GRAPH_FILE} has SHA-256 {digest[:16]}…, {described['graph_sha256'][:16]}… was "
                "released; the file was changed, release the detector again"
            )
        if (expected := _id(described)) != described["id"]:
            raise BadGate(
                f"{folder.name}: {JSON_FILE} makes the id {expected}, {described['id']} is written there; the file "
                "was changed, release the detector again"
            )
        strip = StripPoint.from_json(described[_STRIP]) if _STRIP in described else None
        if strip is not None:
            check_overlays(folder, strip)
        return Gate(
            folder=folder,
            spec=ClassifierSpec.from_json(described["spec"]),
            calibration=np.array(described["calibration"], dtype=np.float64),
            strip=strip,
            **{key: described[key] for key in ("id", "name", "notes", *_ESSENTIAL[3:-1])},
        )
    except (KeyError, TypeError, ValueError, FeatureMismatch) as e:
        if isinstance(e, BadGate):
            raise
        cause = str(e) if isinstance(e, PipelineError) else f"lacks or garbles {e}"
        raise BadGate(f"{folder.name}: {JSON_FILE}: {cause}; release the detector again") from e


def _id(described: Mapping[str, object]) -> str:
    return content_id({key: described[key] for key in (*_ESSENTIAL, *([_STRIP] if _STRIP in described else []))})
