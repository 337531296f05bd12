"""What STRIP costs a gate: `python -m benchmarks.strip_cost`.

The compiled graph alone and with overlays, in processor time of one thread. Weights are as they begin: how
long it takes does not hang on what they have learned.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detector.class_level import ClassLevel
from detector.fused import FusedDetector
from detector.fusion import Fusion
from detector.mahalanobis import fit_mahalanobis
from detector.naming import Naming
from detector.residual import ResidualNetwork
from pipeline.detection.network import GateNetwork
from pipeline.gate.blending import mean_entropy
from pipeline.gate.compile import compile_network
from pipeline.gate.graph import INPUT, JUDGED, open_answering, open_graph
from pipeline.models.registry import build_model, default_spec

CASES = (("SmallCNN", 28, 10), ("SequentialCNN", 224, 4), ("resnet18", 224, 4), ("efficientnet_b0", 224, 4))
"""Architecture, side of its input, number of classes."""
OVERLAYS = (10, 32, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Print one row a case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strip_cost", description="What STRIP costs a gate.")
    parser.add_argument("--scans", type=int, default=20, help="times that each is asked (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=[name for name, _, _ in CASES], help="these architectures alone")
    asked = parser.parse_args(argv)
    cases = [case for case in CASES if not asked.only or case[0] in asked.only]
    sys.stdout.write("| classifier | side | without, ms | " + " | ".join(f"{m} overlays" for m in OVERLAYS) + " |\n")
    sys.stdout.write("|---|---|---|" + "---|" * len(OVERLAYS) + "\n")
    for name, side, n_classes in cases:
        found = strip_cost(untrained(name, side, n_classes), OVERLAYS, n=asked.scans)
        times = [
            f"{found['without_ms'] + ms:.1f} ms, {found['ratio'][m]:.1f} times" for m, ms in found["more_ms"].items()
        ]
        sys.stdout.write(f"| {name} | {side} | {found['without_ms']:.1f} | {' | '.join(times)} |\n")
        sys.stdout.flush()
    return 0


def strip_cost(network: GateNetwork, overlays: Sequence[int], *, n: int) -> dict[str, Any]:
    """Median processor time of the graph for a scan, what so many overlays add, and the ratio of with to without.

    Args:
        network: is compiled.
        overlays: how many, one figure each.
        n: how many times each is asked, in turns.
    """
    spec, rng = network.model.spec, np.random.default_rng(0)
    images = rng.random((1 + max(overlays), spec.channels, spec.height, spec.width), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gate.onnx"
        compile_network(network, path)
        judging, answering = open_graph(path, n_threads=1).judging, open_answering(path, n_threads=1)
    acts: dict[int, Callable[[], object]] = {0: lambda: judging.run(list(JUDGED), {INPUT: images[:1]})}
    for m in overlays:
        acts[m] = lambda m=m: mean_entropy(answering, images[1 : 1 + m], images[0])
    seconds: dict[int, list[float]] = {m: [] for m in acts}
    for _ in range(n + 1):
        for m, act in acts.items():
            began = time.thread_time()
            act()
            seconds[m].append(time.thread_time() - began)
    ms = {m: 1000 * float(np.median(some[1:])) for m, some in seconds.items()}  # The first round only warms up.
    without = ms.pop(0)
    return {"without_ms": without, "more_ms": ms, "ratio": {m: 1 + more / without for m, more in ms.items()}}


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


if __name__ == "__main__":
    sys.exit(main())
