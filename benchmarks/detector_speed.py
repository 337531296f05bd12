"""How long a gate takes for one scan, from the bytes of a file to the decision, on one thread."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from datasets.encoding import encode
from datasets.jail import decode_jailed
from datasets.progress import Progress
from pipeline.gate.files import Gate
from pipeline.gate.graph import INPUT, JUDGED
from pipeline.gate.screening import open_gate, screen_upload
from pipeline.models.resize import fit_levels

N_WARM = 20


def gate_speed(gate: Gate, levels: list[np.ndarray], bits: int, progress: Progress, *, n: int) -> dict[str, Any]:
    """Percentiles of the whole way, and what share of it decoding and the bare graph take.

    Args:
        gate: released.
        levels: scans (H, W, C), asked one after the other, over and over.
        bits: of all of them.
        progress: told of scans done.
        n: how many times a scan is screened.
    """
    opened = open_gate(gate.folder, n_threads=1)
    files = [encode(one, bits, "png") for one in levels]
    spec = gate.spec
    pixels = [fit_levels(one, bits, spec)[None] for one in levels]
    whole, decoding, graph = [], [], []
    for k in range(N_WARM + n):
        progress(k, N_WARM + n, "screening")
        data, ready = files[k % len(files)], pixels[k % len(pixels)]
        # In turns, so that whatever else the machine does falls on all three alike.
        whole.append(_seconds(lambda data=data: screen_upload(opened, data)))
        decoding.append(_seconds(lambda data=data: decode_jailed(data)))
        graph.append(_seconds(lambda ready=ready: opened.graph.judging.run(list(JUDGED), {INPUT: ready})))
    ms = {
        name: 1000 * np.array(some[N_WARM:])
        for name, some in (("whole", whole), ("decoding", decoding), ("graph", graph))
    }
    return {
        "gate": gate.id,
        "architecture": spec.architecture,
        "size": [spec.height, spec.width],
        "n": n,
        "p50_ms": float(np.median(ms["whole"])),
        "p95_ms": float(np.quantile(ms["whole"], 0.95)),
        "decoding_ms": float(np.median(ms["decoding"])),
        "graph_ms": float(np.median(ms["graph"])),
        "ratio": float(np.median(ms["whole"]) / (np.median(ms["decoding"]) + np.median(ms["graph"]))),
    }


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
