"""A gate of an architecture that the main job did not train, for its time alone."""

from pathlib import Path

import torch

from benchmarks.subject import subject
from datasets.progress import Progress
from detector.class_level import ClassLevel
from detector.fused import FusedDetector
from detector.mahalanobis import fit_mahalanobis
from pipeline.artefacts import DataRoot
from pipeline.detection.evidence import clean_scans, features_and_logits
from pipeline.detection.files import load_detector, save_detector
from pipeline.detection.network import GateNetwork, score_scans
from pipeline.gate.files import Gate
from pipeline.gate.release import release
from pipeline.models.files import save_classifier
from pipeline.run import Made

_N_CALIBRATION = 400
_NOTES = {"made": "for its time alone; it judges nothing"}


def timing_gate(architecture: str, made: Made, folder: Path, progress: Progress) -> Gate:
    """Classifier of random features, the pixels' part of the trained detector, and a distance of its own features.

    How long a graph takes does not hang on what its weights have learned.

    Args:
        architecture: of the classifier, by its registered name.
        made: the main job, whose detector and calibration scans are taken.
        folder: where classifier, detector and gate are written, apart from those that judge.
        progress: told of scans done.
    """
    root = DataRoot(folder)
    model = subject(architecture, made.classifier.spec.channels, 1, folder / "weights").model
    classifier = save_classifier(model, root.models, name=f"{architecture}, untrained", notes=_NOTES)
    items = made.dataset.indices("calibration")[:_N_CALIBRATION]
    with model.frozen():
        what = "features of calibration scans"
        scans = clean_scans(made.dataset, items)
        features, _ = features_and_logits(model, scans, n=len(items), what=what, progress=progress)
        trained = load_detector(made.detector)
        distance = fit_mahalanobis(features, torch.from_numpy(made.dataset.labels[items]))
        level = ClassLevel(torch.zeros(len(model.spec.classes)))
        fused = FusedDetector(trained.residual, distance, trained.fusion, level, trained.naming)
        network = GateNetwork(model, fused)
        scans = clean_scans(made.dataset, items)
        scores = score_scans(network, scans, n=len(items), what="calibrating", progress=progress).score
    detector = save_detector(
        fused,
        scores,
        root.detectors,
        name=f"{architecture}, for its time",
        classifier_id=classifier.id,
        parents=(made.dataset.id, classifier.id),
        notes=_NOTES,
    )
    return release(detector, root, name=detector.name, alpha=made.gate.alpha, progress=progress)
