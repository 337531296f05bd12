"""How what the pipeline made becomes an artefact's row, and how a shard finds what it works on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import read_json
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.detector_report.not_shown import ALL_SHOWN, not_shown
from pipeline.provenance.opening import checked_dataset
from pipeline.training.hardening_settings import METHODS
from webapp.config import Settings
from webapp.errors import BadJob, UnknownRecord
from webapp.file_names import called
from webapp.jobs.registry import Made, Params, Work
from webapp.records.artefacts import ArtefactKind

if TYPE_CHECKING:
    # Only for the types: these load torch, and a web process reads this module too.
    from pipeline.adversarial.files import AdversarialSet
    from pipeline.detection.files import Detector
    from pipeline.evaluation import ClassifierReport
    from pipeline.gate.files import Gate
    from pipeline.models.files import Classifier


def data_root(work: Work) -> DataRoot:
    """Where the artefacts lie."""
    return DataRoot(work.settings.data_root)


@contextmanager
def uploaded(settings: Settings, params: Params) -> Iterator[Path]:
    """The upload that the parameters name, by its path in the data root, under the sender's name for it.

    Raises:
        BadJob: none is named, or the path leads out of the data root.
        UnknownRecord: it is gone.
    """
    named = params.get("upload")
    if not isinstance(named, str) or not named:
        raise BadJob("No upload is named; send the file first.")
    path = (settings.data_root / named).resolve()
    if not path.is_relative_to(settings.data_root.resolve()):
        raise BadJob(f"The upload {named!r} lies outside the data root; send the file first.")
    if not path.exists():
        raise UnknownRecord(f"The upload {named!r} is gone; send the file again.")
    with called(path, params.get("file")) as file:
        yield file


def dataset_named(work: Work, dataset_id: str) -> Dataset:
    """The data set of that id, after its history and hashes were checked."""
    return checked_dataset(data_root(work).find("datasets", dataset_id))


def made_before(work: Work) -> str:
    """The id of what the first stage of this job made."""
    written: Any = read_json(work.parts[0])
    return str(written["artefact"])


def made_dataset(work: Work, dataset: Dataset) -> Made:
    """The row of a data set."""
    report: Any = dataset.report()
    return Made(
        kind=ArtefactKind.DATASET,
        id=dataset.id,
        name=work.params["name"],
        folder=dataset.folder,
        facts={
            "n": len(dataset),
            "classes": list(dataset.classes),
            "splits": {split: sum(row) for split, row in dataset.counts().items()},
            "n_findings": len(report.get("findings", [])),
        },
    )


def made_classifier(work: Work, classifier: "Classifier", report: "ClassifierReport | None" = None) -> Made:
    """The row of a classifier, with its report once it has been judged."""
    spec = classifier.spec
    dataset_id = work.params.get("dataset_id")
    facts: dict[str, Any] = {
        "architecture": spec.architecture,
        "input": [spec.channels, spec.height, spec.width],
        "classes": list(spec.classes),
        "weights_sha256": classifier.weights_sha256,
    }
    notes: Mapping[str, Any] = classifier.notes
    if "robustness" in notes:
        how = notes["settings"]["hardening"]
        facts["hardening"] = {**how, "by": METHODS[how["method"]], "robustness": notes["robustness"]}
    if report is not None:
        facts.update(report=report.to_json(), accuracy=report.accuracy)
    return Made(
        kind=ArtefactKind.CLASSIFIER,
        id=classifier.id,
        name=work.params.get("name") or classifier.name,
        folder=classifier.folder,
        parents=(dataset_id,) if dataset_id else classifier.parents,
        facts=facts,
    )


def made_adversarial(work: Work, built: "AdversarialSet") -> Made:
    """The row of an adversarial set."""
    return Made(
        kind=ArtefactKind.ADVERSARIAL,
        id=built.id,
        name=work.params["name"],
        folder=built.folder,
        parents=(built.dataset_id, built.classifier_id),
        facts={
            "n": built.n,
            "counts": [dict(count) for count in built.counts],
            "targeted": built.recipe.targeted,
            "precision": {cell.NAME: cell.gradients_in(built.recipe.precision) for cell in built.recipe.cells()},
        },
    )


def made_detector(work: Work, detector: "Detector", facts: dict[str, Any] | None = None) -> Made:
    """The row of a detector, with what is known of it once it has been judged."""
    return _detector(work, detector, (work.params["adversarial_id"], detector.classifier_id), facts or {})


def made_judged(work: Work, detector: "Detector", facts: dict[str, Any]) -> Made:
    """The row of a detector that was there before, under the parents that the job was given."""
    return _detector(work, detector, tuple(work.params["parents"]), facts)


def made_recalibrated(work: Work, detector: "Detector", facts: dict[str, Any]) -> Made:
    """The row of a recalibrated detector, with what is known of it so far."""
    return _detector(work, detector, detector.parents, facts)


def made_gate(work: Work, gate: "Gate") -> Made:
    """The row of a gate."""
    return Made(
        kind=ArtefactKind.GATE,
        id=gate.id,
        name=work.params["name"],
        folder=gate.folder,
        parents=(gate.classifier_id, gate.detector_id),
        facts={
            "alpha": gate.alpha,
            "alpha_uncertain": gate.alpha_uncertain,
            "band": list(gate.band),
            "n_calibration": gate.n_calibration,
            "classifier_sha256": gate.classifier_sha256,
            "detector_sha256": gate.detector_sha256,
            **_strip_facts(gate),
        },
    )


def _strip_facts(gate: "Gate") -> dict[str, Any]:
    """What is told of STRIP; nothing of a gate without it."""
    if gate.strip is None:
        return {}
    told = {**asdict(gate.strip.at()), "cost": gate.notes["strip_cost"]}
    return {"strip": told, "held_at_most": gate.point.held_at_most}


def _detector(work: Work, detector: "Detector", parents: tuple[str, ...], facts: dict[str, Any]) -> Made:
    usual: dict[str, Any] = {
        "n_calibration": len(detector.calibration),
        "weights_sha256": detector.weights_sha256,
        "classifier_id": detector.classifier_id,
    }
    if (kept_from := not_shown(detector.notes)) != ALL_SHOWN:
        usual["not_shown"] = kept_from.to_json()
    return Made(
        kind=ArtefactKind.DETECTOR,
        id=detector.id,
        name=work.params["name"],
        folder=detector.folder,
        parents=parents,
        facts={**usual, **facts},
    )
