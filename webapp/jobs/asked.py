"""What the parameters of a job ask for, held against what is on disk; known without torch."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from datasets.adversarial_store import read_rows
from datasets.atomic import read_json
from datasets.store import open_dataset
from datasets.unlabelled import check_labelled
from pipeline.adversarial.files import MANIFEST_FILE, ROWS_FILE
from pipeline.artefacts import DataRoot
from pipeline.detection.division import divide, shown_rows
from pipeline.detection.lineage import Lineage
from pipeline.detection.settings import DetectorSettings
from pipeline.detector_report.kept import JUDGED
from pipeline.errors import (
    BadDetector,
    BadRate,
    BadStrip,
    NotEnoughClean,
    PipelineError,
    UnknownArtefact,
)
from pipeline.gate.rates import checked_rates
from pipeline.gate.strip_choice import SUMS, StripChoice
from pipeline.gate.strip_scans import strip_scans
from pipeline.models.spec import ClassifierSpec
from pipeline.provenance.record import check_linked
from webapp.config import Settings
from webapp.jobs.registry import Params

_MADE_OF = {
    "dataset_id": "datasets",
    "classifier_id": "models",
    "original_id": "models",
    "proxy_id": "models",
    "unpoisoned_id": "models",
    "adversarial_id": "adversarial",
    "detector_id": "detectors",
    "surrogate_id": "detectors",
}
"""The parameters that name what a job works on, with the folder of their kind."""


def check_histories(settings: Settings, params: Params) -> None:
    """Refuse what would be made of an artefact whose history is broken, before a job is written down.

    Every link and the signature are checked, which takes no time; the files are hashed where the work is done. Where
    there is no history, whether there was one, and whether a data set is what its id says.

    Raises:
        BrokenHistory: names the first event that was changed, dropped, added or moved; or the history was removed.
    """
    root = DataRoot(settings.data_root)
    for name, kind in _MADE_OF.items():
        if not isinstance(params.get(name), str):
            continue
        with suppress(UnknownArtefact):  # The kind of job itself says what is missing.
            check_linked(root.find(kind, params[name]))


def spec_asked(settings: Settings, params: Params) -> ClassifierSpec:
    """The classifier that an import asks for; one number stands for every channel, 0 and 1 where none is given.

    Raises:
        BadClassifier: a value that no classifier can have.
        BadDataset: the data set has no labels.
        UnknownArtefact: the data set is gone.
    """
    side, channels = params.get("side", 224), params.get("channels", 1)
    classes = classes_asked(settings, params)
    return ClassifierSpec(
        architecture=params["architecture"],
        channels=channels,
        height=side,
        width=side,
        classes=classes,
        mean=(float(params.get("mean", 0.0)),) * channels,
        std=(float(params.get("std", 1.0)),) * channels,
        head=params.get("head", "logits"),
    )


def check_lessons(settings: Settings, params: Params) -> None:
    """Refuse a detector that would have nothing to learn from, or of which something is asked that would not be done.

    Raises:
        BadDetector: the settings name attacks or radii that the adversarial set does not have or leave no successful
            attack, or ask for attacks on the detector itself beside those that are left out.
        UnknownArtefact: the adversarial set or its data set is gone.
    """
    root, asked = DataRoot(settings.data_root), DetectorSettings.from_json(params.get("settings", {}))
    folder = root.find("adversarial", params["adversarial_id"])
    # Without the hash of the levels, which a worker checks.
    manifest: Any = read_json(folder / MANIFEST_FILE)
    dataset, rows = open_dataset(root.find("datasets", manifest["dataset_id"])), read_rows(folder / ROWS_FILE)
    shown = shown_rows(rows, asked)
    if asked.leave_out and asked.evasions:
        raise BadDetector(
            f"evasions {asked.evasions} beside leave_out: attacks on the detector itself are kin to most that could be "
            "left out, so that none would be made; give 0, or leave nothing out"
        )
    try:
        divide(dataset, rows, held_out=asked.held_out, seed=asked.seed, shown=shown)
    except BadDetector as e:
        if shown.all():
            raise
        raise BadDetector(f"of what leave_out and only_eps leave: {e}; or leave out fewer") from e


def check_set(root: DataRoot, detector: Lineage, adversarial_id: str) -> None:
    """Refuse an adversarial set that a detector cannot be judged on.

    Raises:
        BadDetector: it is of another data set than the detector's own, or attacks no scan of the split test.
        UnknownArtefact: it is gone.
    """
    manifest: Any = read_json(root.find("adversarial", adversarial_id) / MANIFEST_FILE)
    if manifest["dataset_id"] != detector.dataset_id:
        raise BadDetector(
            f"adversarial set {adversarial_id} was made of data set {manifest['dataset_id']}, that of detector "
            f"{detector.detector_id} of {detector.dataset_id}; choose a set of that data set"
        )
    if not attacks_judged(manifest["counts"]):
        raise BadDetector(
            f"adversarial set {adversarial_id} attacks no scan of the split {JUDGED!r}, on which detectors are judged; "
            "build one with that split"
        )


def classes_asked(settings: Settings, params: Params) -> tuple[str, ...]:
    """The classes of the data set that a job is to learn from or to be judged on.

    Raises:
        BadDataset: it has no labels.
        UnknownArtefact: it is gone.
    """
    described: Any = read_json(DataRoot(settings.data_root).find("datasets", params["dataset_id"]) / "manifest.json")
    check_labelled(described["name"], described["classes"])
    return tuple(described["classes"])


def attacks_judged(counts: Iterable[Mapping[str, Any]]) -> bool:
    """Whether an adversarial set of these counts attacks a scan of the split that detectors are judged on."""
    return any(count["split"] == JUDGED and count["attacked"] for count in counts)


def check_rates(settings: Settings, params: Params) -> None:
    """Refuse rates of a gate that are out of range, or that the calibration scans of the detector cannot support.

    Raises:
        NotEnoughClean: names the rate that they do support.
        BadRate: the second rate is below the first, or above one half.
        BadStrip: more overlays than calibration scans are asked for, or their data set is gone.
        UnknownArtefact: the detector is gone.
    """
    for refusal in rate_refusals(settings, params).values():
        raise refusal


def rate_refusals(settings: Settings, params: Params) -> dict[str, PipelineError]:
    """Everything that the calibration scans of a detector cannot do for a gate, by the parameter that asks for it.

    "alpha", "alpha_uncertain" and, of STRIP, "rate" and "n_overlays"; empty where nothing is refused.

    Raises:
        UnknownArtefact: the detector is gone.
    """
    root = DataRoot(settings.data_root)
    described: Any = read_json(root.find("detectors", params["detector_id"]) / "detector.json")
    found: dict[str, PipelineError] = {}
    try:
        checked_rates(len(described["calibration"]), params.get("alpha", 0.01), params.get("alpha_uncertain"))
    except NotEnoughClean as e:
        found["alpha"] = e
    except BadRate as e:
        found["alpha_uncertain"] = e
    try:
        if (strip := strip_asked(params)) is not None:
            strip_scans(root, params["detector_id"], strip)
    except NotEnoughClean as e:
        found["rate"] = e
    except BadStrip as e:
        found["n_overlays"] = e
    return found


def strip_asked(params: Params) -> StripChoice | None:
    """How a gate is to look for backdoor triggers; None where it is not.

    Raises:
        BadStrip: a value is out of its range.
    """
    asked = params.get("strip")
    # An order of before there were parts does not say how.
    return None if asked is None else StripChoice(**{"by": SUMS, **asked})
