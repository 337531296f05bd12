"""Classifier and detector as one ONNX graph, proven to say what torch says."""

import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from pipeline.detection.network import GateNetwork
from pipeline.errors import BadGate
from pipeline.gate.graph import INPUT, OUTPUTS

MAX_DIFFERENCE = 1e-4
"""The graph may differ from torch by this much: relative for scores, absolute for probabilities."""

_N_PROBES = 5
_N_STEPS = 100


def compile_network(network: GateNetwork, path: Path) -> float:
    """Write the network to `path` as ONNX with a free batch size, and give the largest difference from torch.

    Raises:
        BadGate: the graph differs from torch by more than `MAX_DIFFERENCE`.
    """
    spec = network.model.spec
    example = torch.zeros(2, spec.channels, spec.height, spec.width)
    with network.model.frozen(), torch.no_grad(), warnings.catch_warnings():
        # The exporter warns of its own successor and of sizes that it takes as fixed, as they are here.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            path,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "n"} for name in (INPUT, *OUTPUTS)},
            opset_version=17,
            dynamo=False,
        )
        difference = largest_difference(network, path)
    # Written so that a difference that is not a number is refused as well.
    if not difference <= MAX_DIFFERENCE:
        raise BadGate(
            f"the compiled graph differs from torch by {difference:.2g}, at most {MAX_DIFFERENCE:g} is allowed; "
            "the classifier uses operators that do not compile faithfully, report its architecture"
        )
    return difference


def largest_difference(network: GateNetwork, path: Path) -> float:
    """The largest difference between the graph of a file and the network, on probes of noise and of flat grey."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for n in (1, _N_PROBES):
        pixels = _probes(network, n)
        found = session.run(list(OUTPUTS), {INPUT: pixels.numpy()})
        for theirs, ours in zip(found, network(pixels), strict=True):
            scale = np.maximum(1.0, np.abs(ours.numpy()))
            worst = float(np.fmax(worst, np.max(np.abs(theirs - ours.numpy()) / scale)))
            if not np.isfinite(theirs).all():
                return float("nan")
    return worst


def _probes(network: GateNetwork, n: int) -> Tensor:
    """The same pixels at every call: every second level, with gaps between, then light with more and more noise.

    The detector closes such gaps, in images of 20 rows and more.
    """
    spec = network.model.spec
    rng = np.random.default_rng(0)
    noise = rng.random((n, spec.channels, spec.height, spec.width), dtype=np.float32)
    strength = np.linspace(0.02, 1, n, dtype=np.float32)[:, None, None, None]
    probes = np.clip((1 - strength) * np.linspace(0, 1, spec.width, dtype=np.float32) + strength * noise, 0, 1)
    probes[0] = np.arange(spec.width) % _N_STEPS * np.float32(2 / 255)
    return torch.from_numpy(probes)
