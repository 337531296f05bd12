"""A detector and its classifier become a gate at a stated false-alarm rate."""

import tempfile
from pathlib import Path

from datasets.progress import Progress, ignore
from detector.conformal import require_support
from pipeline.artefacts import DataRoot
from pipeline.detection.files import Detector, load_detector
from pipeline.detection.network import GateNetwork
from pipeline.detection.refusals import as_pipeline_errors
from pipeline.errors import BadGate
from pipeline.gate.compile import compile_network
from pipeline.gate.files import Gate, write_gate
from pipeline.models.files import load_model, open_classifier

_N_STEPS = 3
_MAX_ALPHA = 0.5


def release(
    detector: Detector,
    root: DataRoot,
    *,
    name: str = "gate",
    alpha: float = 0.01,
    alpha_uncertain: float | None = None,
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
        progress: called between the steps; may raise to cancel.

    Raises:
        NotEnoughClean: the calibration scans cannot support `alpha`; names the rate that they do.
        BadGate: `alpha_uncertain` is out of range, or the compiled graph differs from torch.
        UnknownArtefact: the detector's classifier is not under the data root.
    """
    uncertain = _checked_rates(detector, alpha, alpha_uncertain)
    progress(0, _N_STEPS, "opening classifier and detector")
    classifier = open_classifier(root.find("models", detector.classifier_id))
    network = GateNetwork(load_model(classifier), load_detector(detector))
    progress(1, _N_STEPS, "compiling")
    with tempfile.TemporaryDirectory(dir=root.work) as folder:
        graph = Path(folder) / "gate.onnx"
        difference = compile_network(network, graph)
        progress(2, _N_STEPS, "writing")
        described = {
            "spec": classifier.spec.to_json(),
            "classifier_id": classifier.id,
            "classifier_sha256": classifier.weights_sha256,
            "detector_id": detector.id,
            "detector_sha256": detector.weights_sha256,
            "alpha": alpha,
            "alpha_uncertain": uncertain,
            "calibration": [float(score) for score in detector.calibration],
        }
        gate = write_gate(graph, described, root.gates, name=name, notes={"largest_difference": difference})
    progress(_N_STEPS, _N_STEPS, "released")
    return gate


def _checked_rates(detector: Detector, alpha: float, alpha_uncertain: float | None) -> float:
    """The rate up to which a scan is uncertain, after both rates were checked."""
    with as_pipeline_errors():
        require_support(len(detector.calibration), alpha)
    uncertain = min(2 * alpha, _MAX_ALPHA) if alpha_uncertain is None else alpha_uncertain
    if not alpha <= uncertain <= _MAX_ALPHA:
        raise BadGate(f"alpha_uncertain {uncertain}; give {alpha:g} (alpha) to {_MAX_ALPHA}")
    return uncertain
