"""What STRIP costs a gate: the compiled graph alone and with overlays, in processor time; a part of strip_report.

Weights are as they begin: how long it takes does not hang on what they have learned.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from detector.class_level import ClassLevel
from detector.fused import FusedDetector
from detector.fusion import Fusion
from detector.mahalanobis import fit_mahalanobis
from detector.naming import Naming
from detector.poisoned.parts import Parts
from detector.residual import ResidualNetwork
from pipeline.detection.network import GateNetwork
from pipeline.gate.blending import answers_of, mean_entropy
from pipeline.gate.compile import compile_network
from pipeline.gate.graph import INPUT, JUDGED, open_answering, open_graph
from pipeline.gate.strip_choice import N_OVERLAYS, PARTS, SUMS
from pipeline.models.registry import build_model, default_spec

Case = tuple[str, int, int]
"""Architecture, side of its input, number of classes."""

CASES: tuple[Case, ...] = (
    ("SmallCNN", 28, 10),
    ("SequentialCNN", 224, 4),
    ("resnet18", 224, 4),
    ("efficientnet_b0", 224, 4),
)
OVERLAYS = ((SUMS, 10), (SUMS, N_OVERLAYS[SUMS]), (SUMS, 100), (PARTS, 2), (PARTS, N_OVERLAYS[PARTS]))
"""Ways, and how many overlays."""


def cost_of(case: Case, *, rounds: int) -> dict[str, Any]:
    """The row of a case: which it is, and what `strip_cost` finds for `OVERLAYS`."""
    name, side, n_classes = case
    found = strip_cost(untrained(name, side, n_classes), OVERLAYS, rounds=rounds)
    return {"classifier": name, "side": side, "rounds": rounds, **found}


def strip_cost(network: GateNetwork, overlays: Sequence[tuple[str, int]], *, rounds: int) -> dict[str, Any]:
    """Median processor time of one thread for a scan, without STRIP and with so many overlays, and their ratio.

    The ratio is taken round by round; `low` and `high` are the least and the greatest. By parts every overlay is taken
    to be of another class than the scan, the dearest case.

    Args:
        network: is compiled.
        overlays: by which way and how many, one figure each.
        rounds: how many times each is asked, in turns.
    """
    spec, rng = network.model.spec, np.random.default_rng(0)
    most = max(m for _, m in overlays)
    images = rng.random((1 + most, spec.channels, spec.height, spec.width), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gate.onnx"
        compile_network(network, path)
        judging, answering = open_graph(path, n_threads=1).judging, open_answering(path, n_threads=1)
    acts: dict[tuple[str, int] | None, Callable[[], object]] = {
        None: lambda: judging.run(list(JUDGED), {INPUT: images[:1]})
    }
    for by, m in overlays:
        acts[by, m] = _act(answering, by, images[0], images[1 : 1 + m])
    taken: dict[tuple[str, int] | None, list[float]] = {case: [] for case in acts}
    for _ in range(rounds + 1):
        for case, act in acts.items():
            began = time.thread_time()
            act()
            taken[case].append(time.thread_time() - began)
    ms = {case: 1000 * np.array(some[1:]) for case, some in taken.items()}  # The first round only warms up.
    alone = ms[None]
    return {
        "without_ms": float(np.median(alone)),
        "with": [_cost(by, m, alone, alone + ms[by, m]) for by, m in overlays],
    }


def _act(
    answering: onnxruntime.InferenceSession, by: str, pixels: np.ndarray, overlays: np.ndarray
) -> Callable[[], object]:
    if by == SUMS:
        return lambda: mean_entropy(answering, overlays, pixels)
    parts = Parts(answers_of(answering), overlays, np.ones(len(overlays), np.int64))
    return lambda: parts.wavering(pixels, 0)


def _cost(by: str, m: int, alone: np.ndarray, together: np.ndarray) -> dict[str, Any]:
    ratios = together / alone
    ratio = {"value": float(np.median(ratios)), "low": float(ratios.min()), "high": float(ratios.max())}
    return {"by": by, "overlays": m, "ms": float(np.median(together)), "ratio": ratio}


def untrained(name: str, side: int, n_classes: int) -> GateNetwork:
    """Classifier and detector of an architecture, for grey images, as they begin."""
    classes = tuple(f"class {k}" for k in range(n_classes))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(default_spec(name, classes=classes, channels=1, height=side, width=side)).eval()
    labels = torch.arange(8 * n_classes) % n_classes
    with torch.no_grad():
        features, _ = model.features_and_logits(
            torch.rand(len(labels), 1, side, side, generator=torch.Generator().manual_seed(0))
        )
    fusion = Fusion(torch.zeros(3), torch.ones(3), torch.ones(3), torch.zeros(1))
    level = ClassLevel(torch.zeros(n_classes))
    detector = FusedDetector(ResidualNetwork(1), fit_mahalanobis(features, labels), fusion, level, Naming(1))
    return GateNetwork(model, detector)
