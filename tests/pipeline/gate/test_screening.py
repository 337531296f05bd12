import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from datasets.atomic import read_json, write_json
from pipeline.errors import BadGate
from pipeline.gate.decision import Verdict
from pipeline.gate.graph import GraphParts, open_graph
from pipeline.gate.screening import open_gate, screen_upload


@pytest.fixture
def gate(tiny_chain):
    return open_gate(tiny_chain.gate.folder)


def decide(gate, *, score=0.0, probs=(0.9, 0.1), type_probs=(0.5, 0.1, 0.1, 0.1, 0.1, 0.1)):
    return gate.decide(np.array(probs), score, lambda: np.array(type_probs))


def with_calibration(gate, calibration, **operating_point):
    return replace(gate, gate=replace(gate.gate, calibration=np.array(calibration, dtype=float), **operating_point))


@pytest.mark.parametrize(
    ("score", "verdict", "p_value"),
    [
        (99, "adversarial", 0.01),
        (98, "adversarial", 0.02),
        (97, "uncertain", 0.03),
        (95, "uncertain", 0.05),
        (94, "clean", 0.06),
    ],
)
def test_the_verdict_changes_exactly_at_the_two_rates(gate, score, verdict, p_value):
    # 99 calibration scores 0 to 98: a score of s has p = (1 + (98 - s + 1)) / 100.
    calibrated = with_calibration(gate, range(99), alpha=0.02, alpha_uncertain=0.05)
    decision = decide(calibrated, score=float(score))
    assert decision.p_value == pytest.approx(p_value)
    assert decision.verdict == verdict


@pytest.mark.parametrize(
    "broken",
    [
        {"score": float("nan")},
        {"score": float("inf")},
        {"probs": (float("nan"), 0.1)},
        {"type_probs": (float("nan"),) * 6, "score": 1e9},
    ],
)
def test_what_is_no_number_is_not_screened_and_never_clean(gate, broken):
    decision = decide(gate, **broken)
    assert decision.verdict is Verdict.NOT_SCREENED
    assert decision.prediction is None
    assert "gave no number" in decision.reason


def test_a_graph_that_gives_nan_is_not_screened(gate):
    class Broken:
        def run(self, names, inputs):
            n = len(inputs["pixels"])
            return [np.full((n, 2), np.nan), np.full(n, np.nan)]

    broken = replace(gate, graph=GraphParts(judging=Broken(), naming=Broken()))
    assert broken.screen(np.zeros((32, 32, 1), np.uint8), 8).verdict is Verdict.NOT_SCREENED


def test_only_what_is_not_clean_is_named(gate):
    def refused():
        raise AssertionError("a clean scan was named")

    low = gate.gate.calibration.min() - 1
    assert gate.decide(np.array([0.9, 0.1]), low, refused).verdict is Verdict.CLEAN


def test_the_two_parts_of_the_graph_say_what_the_whole_says(gate, tiny_chain):
    whole = onnxruntime.InferenceSession(tiny_chain.gate.folder / "gate.onnx", providers=["CPUExecutionProvider"])
    pixels = {"pixels": np.random.default_rng(0).random((3, 1, 32, 32), dtype=np.float32)}
    parts = [*gate.graph.judging.run(None, pixels), *gate.graph.naming.run(None, pixels)]
    for ours, expected in zip(parts, whole.run(["probs", "score", "type_probs"], pixels), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_graph_of_something_else_is_refused(tiny_chain, tmp_path):
    folder = tmp_path / tiny_chain.gate.id
    shutil.copytree(tiny_chain.gate.folder, folder)
    graph = folder / "gate.onnx"
    for content in (b"no graph", onnx.ModelProto(ir_version=8).SerializeToString()):
        graph.write_bytes(content)
        with pytest.raises(BadGate, match=r"cannot read gate\.onnx.*release the detector again"):
            open_graph(graph, n_threads=1)


@pytest.mark.parametrize("verdict", [Verdict.CLEAN, Verdict.UNCERTAIN, Verdict.ADVERSARIAL])
def test_a_scan_gets_its_verdict_and_the_class_is_shown_only_if_clean(gate, tiny_chain, verdict):
    decision = screen_upload(gate, tiny_chain.scan(verdict), "scan.png")
    shown = decision.to_public()
    assert shown["verdict"] == verdict
    assert decision.prediction is not None
    assert (shown["prediction"] is not None) == (verdict is Verdict.CLEAN)
    assert (shown["attack"] is None) == (verdict is Verdict.CLEAN)
    assert "score" not in shown
    assert decision.to_json()["prediction"] == decision.prediction.to_json()
    assert (decision.prediction.class_name in " ".join(decision.sentences())) == (verdict is Verdict.CLEAN)


def test_the_decision_carries_operating_point_and_hashes(gate, tiny_chain):
    told = gate.screen(np.full((32, 32, 1), 90, np.uint8), 8).to_public()
    assert told["alpha"] == tiny_chain.gate.alpha
    assert told["n_calibration"] == len(tiny_chain.detector.calibration)
    assert told["classifier_sha256"] == tiny_chain.classifier.weights_sha256
    assert told["detector_sha256"] == tiny_chain.detector.weights_sha256
    assert told["gate_id"] == tiny_chain.gate.id
    assert told["band"][0] < told["alpha"] < told["band"][1]


def test_types_that_cannot_be_told_apart_are_said_together(gate):
    decision = decide(gate, score=1e9, type_probs=(0.0, 0.05, 0.4, 0.5, 0.05, 0.0))
    assert (decision.attack.family, decision.attack.type) == ("iterative sign", "pgd or bim")
    assert decision.attack.types == ("pgd", "bim")
    assert decision.attack.family_probability == pytest.approx(0.95)
    assert decision.attack.type_probability == pytest.approx(0.9)
    assert "type pgd or bim (0.90); class withheld" in " ".join(decision.sentences())


def test_an_attack_like_no_known_one_is_unknown(gate):
    decision = decide(gate, score=1e9, type_probs=(0.6, 0.1, 0.1, 0.1, 0.1, 0.0))
    assert decision.verdict is Verdict.ADVERSARIAL
    assert (decision.attack.family, decision.attack.type, decision.attack.types) == ("unknown", "unknown", ())
    assert "attack of no known kind; class withheld" in " ".join(decision.sentences())


def test_a_file_that_is_no_image_is_not_screened_with_the_reason(gate):
    decision = screen_upload(gate, b"hello", "note.png")
    assert decision.verdict is Verdict.NOT_SCREENED
    assert "note.png" in decision.reason
    assert decision.input_sha256.startswith("2cf24dba")
    assert decision.p_value is None


def test_a_scan_less_than_half_of_what_the_classifier_sees_is_not_screened(gate):
    assert gate.screen(np.zeros((16, 16, 1), np.uint8), 8).verdict is not Verdict.NOT_SCREENED
    decision = gate.screen(np.zeros((15, 40, 1), np.uint8), 8)
    assert decision.verdict is Verdict.NOT_SCREENED
    assert "40 x 15 pixels" in decision.reason


@pytest.mark.parametrize(("file", "what"), [("gate.onnx", "has SHA-256"), ("gate.json", "makes the id")])
def test_a_changed_gate_is_refused(tiny_chain, tmp_path, file, what):
    folder = tmp_path / tiny_chain.gate.id
    shutil.copytree(tiny_chain.gate.folder, folder)
    if file == "gate.onnx":
        graph = bytearray((folder / file).read_bytes())
        graph[len(graph) // 2] ^= 1
        (folder / file).write_bytes(graph)
    else:
        described = read_json(folder / file)
        write_json(folder / file, {**described, "alpha": 1e-9})
    with pytest.raises(BadGate, match=what):
        open_gate(folder)


def test_a_gate_of_another_preprocessing_or_without_a_file_is_refused(tiny_chain, tmp_path):
    folder = tmp_path / "gate"
    shutil.copytree(tiny_chain.gate.folder, folder)
    write_json(folder / "gate.json", {**read_json(folder / "gate.json"), "preprocessing": 0})
    with pytest.raises(BadGate, match="compiled for preprocessing 0"):
        open_gate(folder)
    (folder / "gate.onnx").unlink()
    with pytest.raises(BadGate, match="not a gate's folder"):
        open_gate(folder)


def test_screening_imports_no_torch():
    code = "import sys, pipeline.gate.screening; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
