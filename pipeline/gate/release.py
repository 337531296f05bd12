"""A detector and its classifier become a gate at a stated false-alarm rate."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork
from pipeline.gate.compile import compile_network
from pipeline.gate.files import GRAPH_FILE, Gate, write_gate
from pipeline.gate.rates import checked_rates
from pipeline.gate.strip_choice import StripChoice
from pipeline.gate.strip_release import calibrate_strip
from pipeline.gate.strip_scans import StripScans, strip_scans
from pipeline.models.files import Classifier, load_model, open_classifier
from pipeline.provenance.event import UNNAMED, EventKind
from pipeline.provenance.record import checked, recorded

_N_STEPS = 3


def release(
    detector: Detector,
    root: DataRoot,
    *,
    name: str = "gate",
    alpha: float = 0.01,
    alpha_uncertain: float | None = None,
    strip: StripChoice | None = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Gate:
    """Compile classifier and detector to one graph, prove it and write the gate to `gates/<id>`.

    Args:
        detector: its classifier is looked up by id.
        root: where artefacts lie.
        name: for people.
        alpha: share of clean scans that may be flagged as adversarial.
        alpha_uncertain: up to this p-value a scan is uncertain; None: twice `alpha`, `alpha` itself: never uncertain.
        strip: how the gate looks for backdoor triggers; without it the gate does not.
        by: who releases, for the history.
        progress: called between the steps; may raise to cancel.

    Raises:
        NotEnoughClean: the calibration scans cannot support a rate; names the one that they do.
        BadRate, BadStrip: `alpha_uncertain` is out of range, or STRIP cannot have the scans that are asked for.
        BadGate: the compiled graph differs from torch.
        UnknownArtefact: the detector's classifier is not under the data root.
        BrokenHistory: classifier or detector, or with STRIP the data set, are not what their histories say.
    """
    uncertain = checked_rates(len(detector.calibration), alpha, alpha_uncertain)
    scans = None if strip is None else strip_scans(root, detector.id, strip)
    progress(0, _N_STEPS, "opening classifier and detector")
    classifier = open_classifier(root.find("models", detector.classifier_id))
    folders = [classifier.folder, detector.folder, *([scans.dataset.folder] if scans else [])]
    parents = [checked(folder) for folder in folders]
    network = GateNetwork(load_model(classifier), load_detector(detector))
    progress(1, _N_STEPS, "compiling")
    described = {**_described(classifier, detector), "alpha": alpha, "alpha_uncertain": uncertain}
    gate, drawn = _written(network, described, scans, root, name, progress)
    facts = {"alpha": alpha, "alpha_uncertain": uncertain, "n_calibration": len(detector.calibration), **drawn}
    recorded(gate.folder, root, EventKind.RELEASE, by=by, facts=facts, parents=parents)
    progress(_N_STEPS, _N_STEPS, "released")
    return gate


def _written(
    network: GateNetwork,
    described: Mapping[str, object],
    scans: StripScans | None,
    root: DataRoot,
    name: str,
    progress: Progress,
) -> tuple[Gate, dict[str, object]]:
    """The gate, and what the history says of its STRIP."""
    with tempfile.TemporaryDirectory(dir=root.work) as folder:
        graph = Path(folder) / GRAPH_FILE
        notes = {"largest_difference": compile_network(network, graph)}
        if scans is None:
            progress(2, _N_STEPS, "writing")
            return write_gate(graph, described, root.gates, name=name, notes=notes), {}
        made = calibrate_strip(graph, network.model.spec, scans, progress)
        progress(2, _N_STEPS, "writing")
        with_strip, notes["strip_cost"] = {**described, "strip": made.point.to_json()}, made.cost
        gate = write_gate(graph, with_strip, root.gates, name=name, notes=notes, overlays=made.overlays)
        return gate, {"strip": made.facts()}


def _described(classifier: Classifier, detector: Detector) -> dict[str, object]:
    return {
        "spec": classifier.spec.to_json(),
        "classifier_id": classifier.id,
        "classifier_sha256": classifier.weights_sha256,
        "detector_id": detector.id,
        "detector_sha256": detector.weights_sha256,
        "calibration": [float(score) for score in detector.calibration],
    }
