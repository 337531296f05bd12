"""STRIP at a release: overlays are written, and the entropies of other clean scans set its threshold."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.errors import BadGate
from pipeline.gate.blending import mean_entropy
from pipeline.gate.graph import INPUT, JUDGED, open_answering, open_graph
from pipeline.gate.overlays import save_overlays
from pipeline.gate.strip import StripChoice, StripPoint
from pipeline.gate.strip_scans import StripScans
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec

_N_TIMED = 30


class Calibrated(NamedTuple):
    """What a release learns of STRIP."""

    point: StripPoint
    cost: float  # Time of the graph for a scan with STRIP, as a multiple of that without.


def calibrate_strip(
    graph: Path, spec: ClassifierSpec, scans: StripScans, choice: StripChoice, path: Path, progress: Progress
) -> Calibrated:
    """Write the overlays to `path`, and ask the compiled graph itself about the scans that calibrate.

    Raises:
        BadGate: the classifier gives no number for a blended scan.
    """
    overlays = np.stack([_pixels(scans.dataset, item, spec) for item in scans.overlays])
    answering, judging = open_answering(graph, n_threads=1), open_graph(graph, n_threads=1).judging
    n, entropies, alone, blended = len(scans.calibrating), [], [], []
    for done, item in enumerate(scans.calibrating):
        progress(done, n, "STRIP: blending clean scans")
        pixels = _pixels(scans.dataset, item, spec)
        began = time.perf_counter()
        entropies.append(mean_entropy(answering, overlays, pixels))
        blended.append(time.perf_counter() - began)
        if done < _N_TIMED:
            began = time.perf_counter()
            judging.run(list(JUDGED), {INPUT: pixels[None]})
            alone.append(time.perf_counter() - began)
    if not np.isfinite(entropies).all():
        raise BadGate("the classifier gives NaN or infinity for blended scans; check its weights, or leave STRIP out")
    point = StripPoint(
        overlays_sha256=save_overlays(overlays, path),
        n_overlays=len(overlays),
        rate=choice.rate,
        seed=choice.seed,
        calibration=np.sort(-np.array(entropies)),
    )
    return Calibrated(point, float(1 + np.median(blended[:_N_TIMED]) / np.median(alone)))


def _pixels(dataset: Dataset, item: int, spec: ClassifierSpec) -> np.ndarray:
    return fit_levels(dataset.levels(int(item)), dataset.items[int(item)].bits, spec)
