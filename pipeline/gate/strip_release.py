"""STRIP at a release: overlays are written, and other clean scans tell which entropies are usual for each class."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.progress import Progress
from datasets.store import Dataset
from detector.poisoned.strip_rule import StripRule
from pipeline.errors import BadGate
from pipeline.gate.blending import mean_entropy
from pipeline.gate.graph import INPUT, JUDGED, open_answering, open_graph
from pipeline.gate.overlays import OVERLAYS_FILE, save_overlays
from pipeline.gate.strip import StripPoint
from pipeline.gate.strip_scans import StripScans
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec
from pipeline.provenance.event import indices_digest

_N_TIMED = 30


@dataclass(frozen=True)
class Calibrated:
    """What a release learns of STRIP.

    Attributes:
        point: what the gate keeps.
        overlays: their file.
        cost: processor time of the models for a scan with STRIP, as a multiple of that without, measured here and now.
        scans: that it was made of.
    """

    point: StripPoint
    overlays: Path
    cost: float
    scans: StripScans

    def facts(self) -> dict[str, object]:
        """What the history says: enough to draw the same scans again."""
        return {
            **self.scans.choice.to_json(),
            "n_calibration": self.point.at().n_calibration,
            "dataset_id": self.scans.dataset.id,
            "overlays": indices_digest(self.scans.overlays),
            "calibration": indices_digest(self.scans.calibrating),
        }


def calibrate_strip(graph: Path, spec: ClassifierSpec, scans: StripScans, progress: Progress) -> Calibrated:
    """Write the overlays beside the compiled graph, and ask the graph itself about the scans that calibrate.

    Raises:
        BadGate: the classifier gives no number for a blended scan.
    """
    answering, judging = open_answering(graph, n_threads=1), open_graph(graph, n_threads=1).judging
    overlays = np.stack([_pixels(scans.dataset, item, spec) for item in scans.overlays])
    entropies, predicted, blended, alone = [], [], [], []
    for done, item in enumerate(scans.calibrating):
        progress(done, len(scans.calibrating), "STRIP: blending clean scans")
        pixels = _pixels(scans.dataset, item, spec)
        began = time.thread_time()
        entropies.append(mean_entropy(answering, overlays, pixels))
        middle = time.thread_time()
        probs, _ = judging.run(list(JUDGED), {INPUT: pixels[None]})
        predicted.append(int(probs[0].argmax()))
        if done < _N_TIMED:
            blended.append(middle - began)
            alone.append(time.thread_time() - middle)
    if not np.isfinite(entropies).all():
        raise BadGate("the classifier gives NaN or infinity for blended scans; check its weights, or leave STRIP out")
    path = graph.with_name(OVERLAYS_FILE)
    point = StripPoint(
        overlays_sha256=save_overlays(overlays, path),
        n_overlays=len(overlays),
        rate=scans.choice.rate,
        seed=scans.choice.seed,
        rule=StripRule.fit(np.array(entropies), np.array(predicted), len(spec.classes)),
    )
    return Calibrated(point, path, float(1 + np.median(blended) / np.median(alone)), scans)


def _pixels(dataset: Dataset, item: int, spec: ClassifierSpec) -> np.ndarray:
    return fit_levels(dataset.levels(int(item)), dataset.items[int(item)].bits, spec)
