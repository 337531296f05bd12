"""Training of a detector: learn, choose the epoch, weigh the evidence, calibrate, save."""

from pathlib import Path

import numpy as np
import torch

from datasets.atomic import content_id
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.fused import EVIDENCE, FusedDetector
from detector.mahalanobis import Mahalanobis, fit_mahalanobis
from pipeline.adversarial.files import AdversarialSet
from pipeline.artefacts import DataRoot
from pipeline.detection.checkpoint import Checkpoint
from pipeline.detection.division import Part, divide, shown_rows
from pipeline.detection.evidence import clean_scans, features_and_logits
from pipeline.detection.files import Detector, save_detector
from pipeline.detection.held_out import hold_out
from pipeline.detection.learning import Learning
from pipeline.detection.naming import learn_names
from pipeline.detection.network import GateNetwork, score_scans
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.detection.samples import Samples
from pipeline.detection.settings import DetectorSettings
from pipeline.errors import BadDetector
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model
from pipeline.provenance.event import UNNAMED, EventKind, Parent, indices_digest
from pipeline.provenance.record import checked, recorded

CALIBRATION_SPLIT = "calibration"
LEARNING = 4
"""Raised when the same settings come to make another detector, so that nothing of before is taken up as theirs."""


def train_detector(
    adversarial_set: AdversarialSet,
    dataset: Dataset,
    classifier: Classifier,
    settings: DetectorSettings,
    root: Path,
    *,
    work: Path,
    name: str = "detector",
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Detector:
    """Train a detector on the successful attacks of the detector split and calibrate it on clean scans.

    Called again with the same arguments after a kill, training goes on from the last whole epoch and ends with the
    same detector, bit for bit on the same machine and number of threads; only the naming, of a minute, starts anew.

    Args:
        adversarial_set: made on `dataset` against `classifier`.
        dataset: with the splits `detector` and `calibration`.
        classifier: whose features and logits it reads.
        settings: how.
        root: the folder of all detectors, `detectors` of the data root.
        work: the folder for the checkpoint, named by what is trained and removed at the end.
        name: for people.
        by: who trains, for the history.
        progress: may raise to cancel.

    Raises:
        BadDetector: the three do not belong together, the settings leave no attack, or there are too few images.
        BrokenHistory: one of the three is not what its history says.
    """
    parents, ids = _checked(adversarial_set, dataset, classifier), (adversarial_set.id, dataset.id, classifier.id)
    key = content_id([LEARNING, *ids, settings.to_json()])
    model = load_model(classifier)
    with as_pipeline_errors(), model.frozen():
        calibration = _calibration_items(dataset)
        shown = shown_rows(rows := adversarial_set.rows(), settings)
        fit, held = divide(dataset, rows, held_out=settings.held_out, seed=settings.seed, shown=shown)
        mahalanobis = _fit_distance(model, dataset, fit, progress)
        held_out = hold_out(model, mahalanobis, dataset, rows, held, seed=settings.seed, progress=progress)
        samples = Samples(dataset, rows, fit, classifier.spec, settings)
        learning = Learning(samples, held_out, mahalanobis, model, work / f"detector-{key}.ckpt", key, progress)
        fused, learned = _learned(learning, shown, held, progress)
        scores = _calibrate(GateNetwork(model, fused), dataset, calibration, progress)
    notes = _notes(learning, learned, fused, len(calibration))
    detector = save_detector(fused, scores, root, name=name, classifier_id=classifier.id, parents=ids, notes=notes)
    _record(detector, learned, calibration, parents, by)
    learning.forget()
    return detector


def _learned(learning: Learning, shown: np.ndarray, held: Part, progress: Progress) -> tuple[FusedDetector, Checkpoint]:
    samples = learning.samples
    learned, clean = learning.run(), (samples.part.clean, held.clean)
    spec, seed = samples.spec, samples.settings.seed
    naming = learn_names(samples.dataset, samples.rows, shown, clean, spec, seed, progress)
    return learning.fused(learned, naming), learned


def _record(detector: Detector, learned: Checkpoint, calibration: np.ndarray, parents: list[Parent], by: str) -> None:
    facts = {"settings": detector.notes["settings"], "best_epoch": learned.epoch}
    facts["calibration"] = indices_digest(calibration)
    root = DataRoot(detector.folder.parent.parent)
    recorded(detector.folder, root, EventKind.TRAINING, by=by, facts=facts, parents=parents)


def _calibrate(network: GateNetwork, dataset: Dataset, items: np.ndarray, progress: Progress) -> np.ndarray:
    scans = clean_scans(dataset, items)
    return score_scans(network, scans, n=len(items), what="calibrating on clean scans", progress=progress).score


def _notes(learning: Learning, learned: Checkpoint, fused: FusedDetector, n_calibration: int) -> dict[str, object]:
    fit, held_out = learning.samples.part, learning.held_out
    return {
        "settings": learning.samples.settings.to_json(),
        "history": learned.history,
        "best_epoch": learned.epoch,
        "class_levels": fused.class_level.levels.tolist(),
        "fusion_weights": dict(zip(EVIDENCE, fused.fusion.weights.tolist(), strict=True)),
        "n_clean": len(fit.clean),
        "n_attacked": len(fit.attacked),
        "n_held_out_clean": int(held_out.is_clean.sum()),
        "n_held_out_attacked": int(held_out.is_adv.sum()),
        "n_calibration": n_calibration,
    }


def _fit_distance(model: PixelModel, dataset: Dataset, fit: Part, progress: Progress) -> Mahalanobis:
    scans = clean_scans(dataset, fit.clean)
    what = "features of clean scans"
    features, _ = features_and_logits(model, scans, n=len(fit.clean), what=what, progress=progress)
    return fit_mahalanobis(features, torch.from_numpy(dataset.labels[fit.clean]))


def _calibration_items(dataset: Dataset) -> np.ndarray:
    """All clean scans of the calibration split, whether the classifier has them right or not."""
    items = dataset.indices(CALIBRATION_SPLIT)
    if len(items) == 0:
        raise BadDetector(
            f"{dataset.name}: no scans in the split {CALIBRATION_SPLIT!r}; expected some (300 support a false-alarm "
            "rate of 1 %): import the data set with a share for calibration"
        )
    return items


def _checked(adversarial_set: AdversarialSet, dataset: Dataset, classifier: Classifier) -> list[Parent]:
    """The three as parents, after it was found that they belong together and are what their histories say."""
    _require_kin(adversarial_set, dataset, classifier)
    return [checked(one.folder) for one in (adversarial_set, dataset, classifier)]


def _require_kin(adversarial_set: AdversarialSet, dataset: Dataset, classifier: Classifier) -> None:
    for what, expected, given in (
        ("data set", adversarial_set.dataset_id, dataset.id),
        ("classifier", adversarial_set.classifier_id, classifier.id),
    ):
        if expected != given:
            raise BadDetector(
                f"adversarial set {adversarial_set.id} was made with {what} {expected}, {given} was given; "
                f"give that {what}"
            )
