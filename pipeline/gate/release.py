"""A detector and its classifier become a gate at a stated false-alarm rate."""

import tempfile
from pathlib import Path

from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork
from pipeline.gate.compile import compile_network
from pipeline.gate.files import GRAPH_FILE, Gate, write_gate
from pipeline.gate.overlays import OVERLAYS_FILE
from pipeline.gate.rates import checked_rates
from pipeline.gate.strip import StripChoice, StripPoint
from pipeline.gate.strip_release import calibrate_strip
from pipeline.gate.strip_scans import StripScans, strip_scans
from pipeline.models.files import Classifier, load_model, open_classifier
from pipeline.provenance.event import UNNAMED, EventKind, indices_digest
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
        alpha_uncertain: up to this p-value a scan is uncertain; twice `alpha` where not given, and
            `alpha` itself for a gate that is never uncertain.
        strip: how the gate looks for backdoor triggers as well; without it the gate does not.
        by: who releases, for the history.
        progress: called between the steps; may raise to cancel.

    Raises:
        NotEnoughClean: the calibration scans cannot support `alpha`, or those that are no overlays the rate of STRIP;
            names the rate that they do.
        BadRate: `alpha_uncertain` is out of range.
        BadStrip: more overlays than calibration scans are asked for, or their data set is gone.
        BadGate: the compiled graph differs from torch.
        UnknownArtefact: the detector's classifier is not under the data root.
        BrokenHistory: classifier or detector, or with STRIP the data set, are not what their histories say.
    """
    uncertain = checked_rates(len(detector.calibration), alpha, alpha_uncertain)
    scans = None if strip is None else strip_scans(root, detector.id, strip)
    progress(0, _N_STEPS, "opening classifier and detector")
    classifier = open_classifier(root.find("models", detector.classifier_id))
    made_of = (classifier, detector, *(() if scans is None else (scans.dataset,)))
    parents = [checked(one.folder) for one in made_of]
    network = GateNetwork(load_model(classifier), load_detector(detector))
    progress(1, _N_STEPS, "compiling")
    described = {**_described(classifier, detector), "alpha": alpha, "alpha_uncertain": uncertain}
    facts = {"alpha": alpha, "alpha_uncertain": uncertain, "n_calibration": len(detector.calibration)}
    with tempfile.TemporaryDirectory(dir=root.work) as folder:
        graph, overlays = Path(folder) / GRAPH_FILE, None
        notes: dict[str, object] = {"largest_difference": compile_network(network, graph)}
        if strip is not None and scans is not None:
            overlays = Path(folder) / OVERLAYS_FILE
            point, notes["strip_cost"] = calibrate_strip(graph, classifier.spec, scans, strip, overlays, progress)
            described["strip"], facts["strip"] = point.to_json(), _told(point, scans)
        progress(2, _N_STEPS, "writing")
        gate = write_gate(graph, described, root.gates, name=name, notes=notes, overlays=overlays)
    recorded(gate.folder, root, EventKind.RELEASE, by=by, facts=facts, parents=parents)
    progress(_N_STEPS, _N_STEPS, "released")
    return gate


def _told(point: StripPoint, scans: StripScans) -> dict[str, object]:
    """What the history says of STRIP: enough to draw the same scans again."""
    drawn = {"overlays": indices_digest(scans.overlays), "calibration": indices_digest(scans.calibrating)}
    chosen = {"rate": point.rate, "n_overlays": point.n_overlays, "seed": point.seed}
    return {**chosen, "n_calibration": len(point.calibration), "dataset_id": scans.dataset.id, **drawn}


def _described(classifier: Classifier, detector: Detector) -> dict[str, object]:
    return {
        "spec": classifier.spec.to_json(),
        "classifier_id": classifier.id,
        "classifier_sha256": classifier.weights_sha256,
        "detector_id": detector.id,
        "detector_sha256": detector.weights_sha256,
        "calibration": [float(score) for score in detector.calibration],
    }
