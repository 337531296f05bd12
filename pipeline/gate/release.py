"""A detector and its classifier become a gate at a stated false-alarm rate."""

import tempfile
from pathlib import Path

from datasets.progress import Progress, ignore
from pipeline.artefacts import DataRoot
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork
from pipeline.gate.compile import compile_network
from pipeline.gate.files import Gate, write_gate
from pipeline.gate.rates import checked_rates
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
        by: who releases, for the history.
        progress: called between the steps; may raise to cancel.

    Raises:
        NotEnoughClean: the calibration scans cannot support `alpha`; names the rate that they do.
        BadRate: `alpha_uncertain` is out of range.
        BadGate: the compiled graph differs from torch.
        UnknownArtefact: the detector's classifier is not under the data root.
        BrokenHistory: classifier or detector are not what their histories say.
    """
    uncertain = checked_rates(len(detector.calibration), alpha, alpha_uncertain)
    progress(0, _N_STEPS, "opening classifier and detector")
    classifier = open_classifier(root.find("models", detector.classifier_id))
    parents = [checked(one.folder) for one in (classifier, detector)]
    network = GateNetwork(load_model(classifier), load_detector(detector))
    progress(1, _N_STEPS, "compiling")
    with tempfile.TemporaryDirectory(dir=root.work) as folder:
        graph = Path(folder) / "gate.onnx"
        difference = compile_network(network, graph)
        progress(2, _N_STEPS, "writing")
        described = {**_described(classifier, detector), "alpha": alpha, "alpha_uncertain": uncertain}
        gate = write_gate(graph, described, root.gates, name=name, notes={"largest_difference": difference})
    facts = {"alpha": alpha, "alpha_uncertain": uncertain, "n_calibration": len(detector.calibration)}
    recorded(gate.folder, root, EventKind.RELEASE, by=by, facts=facts, parents=parents)
    progress(_N_STEPS, _N_STEPS, "released")
    return gate


def _described(classifier: Classifier, detector: Detector) -> dict[str, object]:
    return {
        "spec": classifier.spec.to_json(),
        "classifier_id": classifier.id,
        "classifier_sha256": classifier.weights_sha256,
        "detector_id": detector.id,
        "detector_sha256": detector.weights_sha256,
        "calibration": [float(score) for score in detector.calibration],
    }
