import shutil

import numpy as np
import onnxruntime
import pytest
import torch

from datasets.progress import ignore
from pipeline.artefacts import DataRoot
from pipeline.detection.files import load_detector, open_detector
from pipeline.detection.network import GateNetwork, score_scans
from pipeline.errors import BadGate, NotEnoughClean
from pipeline.gate import compile as compiling
from pipeline.gate.files import GRAPH_FILE
from pipeline.gate.release import release
from pipeline.gate.screening import open_gate
from pipeline.models.files import load_model


@pytest.fixture
def network(tiny_chain):
    return GateNetwork(load_model(tiny_chain.classifier), load_detector(tiny_chain.detector))


def test_the_graph_says_what_torch_says_for_any_batch(tiny_chain, network):
    session = onnxruntime.InferenceSession(tiny_chain.gate.folder / GRAPH_FILE, providers=["CPUExecutionProvider"])
    for n in (1, 3):
        pixels = torch.rand(n, 1, 32, 32, generator=torch.Generator().manual_seed(n))
        with torch.no_grad():
            ours = network(pixels)
        for found, expected in zip(session.run(None, {"pixels": pixels.numpy()}), ours, strict=True):
            np.testing.assert_allclose(found, expected.numpy(), atol=1e-4, rtol=1e-4)


def test_calibration_scores_are_those_that_the_gate_gives(tiny_chain):
    gate = open_gate(tiny_chain.gate.folder)
    scores = sorted(
        gate.screen(tiny_chain.dataset.levels(item), 8).score for item in tiny_chain.dataset.indices("calibration")
    )
    np.testing.assert_allclose(scores, tiny_chain.detector.calibration, atol=1e-3)


def test_a_graph_that_differs_from_torch_is_refused(network, tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "MAX_DIFFERENCE", -1.0)
    with pytest.raises(BadGate, match="the compiled graph differs from torch by"):
        compiling.compile_network(network, tmp_path / "gate.onnx")


def test_a_rate_that_the_calibration_cannot_support_is_refused(tiny_chain):
    with pytest.raises(
        NotEnoughClean, match=r"clean calibration images cannot support a false-alarm rate of 0.01"
    ) as e:
        release(tiny_chain.detector, tiny_chain.root, alpha=0.01)
    assert e.value.supported_alpha == 0.1


def test_an_uncertain_rate_below_alpha_is_refused(tiny_chain):
    with pytest.raises(BadGate, match=r"alpha_uncertain 0.05; give 0.1"):
        release(tiny_chain.detector, tiny_chain.root, alpha=0.1, alpha_uncertain=0.05)


def test_the_same_release_is_the_same_gate(tiny_chain, tmp_path):
    copied = DataRoot(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))
    detector = open_detector(copied.detectors / tiny_chain.detector.id)
    again = release(detector, copied, name="other", alpha=0.1, alpha_uncertain=0.4)
    assert again.id == tiny_chain.gate.id
    assert again.name == "tiny"


def test_scores_do_not_depend_on_the_batch(tiny_chain, network):
    scans = [(tiny_chain.dataset.levels(item), 8) for item in tiny_chain.dataset.indices("test")]
    together = score_scans(network, scans, n=len(scans), what="", progress=ignore).score
    alone = [score_scans(network, [scan], n=1, what="", progress=ignore).score[0] for scan in scans]
    np.testing.assert_allclose(together, alone, atol=1e-4)
