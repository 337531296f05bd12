"""What a detector was trained and calibrated on, through every recalibration; reading it loads no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.atomic import read_json
from datasets.splits import DROPPED
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadDetector, UnknownArtefact
from pipeline.models.spec import ClassifierSpec

CALIBRATION = "calibration"
TRAINED_FROM, RECALIBRATION = "trained_from", "recalibration"
"""What a recalibrated detector notes: the parents of the one that was trained, and what was done since."""

RESERVED_BY_CLASSIFIER = {
    "train": "the classifier learns from it",
    "val": "the classifier's epoch is chosen on it",
    "test": "reports are measured on it",
    DROPPED: "its scans are copies of others",
}
RESERVED = {**RESERVED_BY_CLASSIFIER, "detector": "the detector learns from it"}
"""Splits of a detector's own data set that cannot calibrate it, and why."""


@dataclass(frozen=True)
class Lineage:
    """Where a detector comes from.

    Attributes:
        detector_id: of the detector itself.
        adversarial_id: the adversarial set that it learned.
        dataset_id: the data set behind that.
        classifier_dataset_ids: what the classifier was trained on, where it was trained here.
        spec: of its classifier.
        n_calibration: how many clean scans it is calibrated on.
        calibrated_on: the id of their data set, and their splits.
    """

    detector_id: str
    adversarial_id: str
    dataset_id: str
    classifier_dataset_ids: tuple[str, ...]
    spec: ClassifierSpec
    n_calibration: int
    calibrated_on: tuple[str, tuple[str, ...]]

    def reserved(self, dataset_id: str) -> Mapping[str, str]:
        """Which splits of a data set cannot calibrate the detector, each with the reason."""
        if dataset_id == self.dataset_id:
            return RESERVED
        return RESERVED_BY_CLASSIFIER if dataset_id in self.classifier_dataset_ids else {}

    def reserved_pixels(self, root: DataRoot) -> tuple[frozenset[str], tuple[str, ...]]:
        """The hashes of the scans that the models learned from or are judged on, and the data sets that are gone."""
        pixels: set[str] = set()
        missing = []
        for dataset_id in dict.fromkeys((self.dataset_id, *self.classifier_dataset_ids)):
            try:
                folder = root.find("datasets", dataset_id)
            except UnknownArtefact:
                missing.append(dataset_id)
                continue
            splits = self.reserved(dataset_id)
            pixels.update(item.pixels_sha256 for item in open_dataset(folder).items if item.split in splits)
        return frozenset(pixels), tuple(missing)


def lineage(root: DataRoot, detector_id: str) -> Lineage:
    """Where the detector of this id, or beginning of an id, comes from.

    Raises:
        UnknownArtefact: the detector or its classifier is not under the root.
        BadDetector: one of their descriptions cannot be read.
    """
    folder = root.find("detectors", detector_id)
    described = _described(folder / "detector.json")
    try:
        parents = trained_from(described["parents"], described["notes"])
        classifier = _described(root.find("models", described["classifier_id"]) / "classifier.json")
        since = described["notes"].get(RECALIBRATION)
        return Lineage(
            detector_id=str(described["id"]),
            adversarial_id=parents[0],
            dataset_id=parents[1],
            classifier_dataset_ids=tuple(str(parent) for parent in classifier["parents"]),
            spec=ClassifierSpec.from_json(classifier["spec"]),
            n_calibration=len(described["calibration"]),
            calibrated_on=(since["dataset_id"], tuple(since["splits"])) if since else (parents[1], (CALIBRATION,)),
        )
    except (KeyError, TypeError, AttributeError) as e:
        raise BadDetector(f"{folder.name}: its description lacks or garbles {e}; train the detector again") from e


def trained_from(parents: Sequence[str], notes: Mapping[str, object]) -> tuple[str, str, str]:
    """The adversarial set, data set and classifier that a detector was trained with, recalibrated since or not.

    Raises:
        BadDetector: it does not say.
    """
    found = notes.get(TRAINED_FROM, parents)
    if not isinstance(found, list | tuple) or len(found) != 3:
        raise BadDetector(
            f"{found!r}: a detector names the adversarial set, data set and classifier that it was trained with; train "
            "the detector again"
        )
    adversarial_id, dataset_id, classifier_id = (str(one) for one in found)
    return adversarial_id, dataset_id, classifier_id


def _described(path: Path) -> Any:  # JSON of a file; its keys are checked at use.
    try:
        return read_json(path)
    except (OSError, ValueError) as e:
        raise BadDetector(f"{path.parent.name}: {path.name} cannot be read: {e}; make it again") from e
