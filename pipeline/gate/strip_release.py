"""STRIP at a release: overlays are written, and other clean scans tell what is usual."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from datasets.progress import Progress
from datasets.store import Dataset
from detector.errors import NotEnoughSamples
from detector.poisoned.parts import choose_for_parts
from detector.poisoned.strip_rule import StripRule
from pipeline.errors import BadGate, BadStrip
from pipeline.gate.blending import answers_of, wavering
from pipeline.gate.graph import INPUT, JUDGED, open_answering, open_graph
from pipeline.gate.overlays import OVERLAYS_FILE, save_overlays
from pipeline.gate.strip import StripPoint
from pipeline.gate.strip_choice import SUMS
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
            "n_overlays": self.point.n_overlays,
            "n_calibration": self.point.at().n_calibration,
            "dataset_id": self.scans.dataset.id,
            "overlays": indices_digest(self.scans.overlays),
            "calibration": indices_digest(self.scans.calibrating),
        }


def calibrate_strip(graph: Path, spec: ClassifierSpec, scans: StripScans, progress: Progress) -> Calibrated:
    """Write the overlays beside the compiled graph, and ask the graph itself about the scans that calibrate.

    Raises:
        BadGate: the classifier gives no number for a mixed scan.
        BadStrip: by parts, the scans that were drawn are all called one class; or nothing could ever be held.
    """
    answering, judging = open_answering(graph, n_threads=1), open_graph(graph, n_threads=1).judging
    overlays, called = _overlays(answering, spec, scans)
    wavers = wavering(answering, overlays, called)
    wavered, predicted, mixed, alone = [], [], [], []
    for done, item in enumerate(scans.calibrating):
        progress(done, len(scans.calibrating), "STRIP: mixing clean scans")
        pixels = _pixels(scans.dataset, item, spec)
        began = time.thread_time()
        probs, _ = judging.run(list(JUDGED), {INPUT: pixels[None]})
        predicted.append(int(probs[0].argmax()))
        middle = time.thread_time()
        wavered.append(wavers(pixels, predicted[-1]))
        if done < _N_TIMED:
            alone.append(middle - began)
            mixed.append(time.thread_time() - middle)
    if not np.isfinite(wavered).all():
        raise BadGate("the classifier gives NaN or infinity for mixed scans; check its weights, or leave STRIP out")
    path, choice = graph.with_name(OVERLAYS_FILE), scans.choice
    point = StripPoint(
        by=choice.by,
        overlays_sha256=save_overlays(overlays, path),
        n_overlays=len(overlays),
        rate=choice.rate,
        seed=choice.seed,
        called=called,
        rule=StripRule.fit(np.array(wavered), np.array(predicted), len(spec.classes), by_class=choice.by_class),
    )
    if not point.can_fire:
        raise BadStrip(
            f"STRIP by {choice.by} could hold nothing at a rate of {choice.rate:g}: more of the clean scans keep their"
            " class as firmly as numbers tell; give a higher rate, mix in the other way, or leave STRIP out"
        )
    return Calibrated(point, path, float(1 + np.median(mixed) / np.median(alone)), scans)


def _overlays(
    answering: onnxruntime.InferenceSession, spec: ClassifierSpec, scans: StripScans
) -> tuple[np.ndarray, tuple[int, ...]]:
    """The overlays (m, C, H, W), and by parts what class each is called."""
    drawn = np.stack([_pixels(scans.dataset, item, spec) for item in scans.overlays])
    if scans.choice.by == SUMS:
        return drawn, ()
    answers = answers_of(answering)
    called = np.concatenate([answers(one[None]).argmax(1) for one in drawn])
    try:
        places = choose_for_parts(called, scans.choice.m)
    except NotEnoughSamples as e:
        raise BadStrip(f"STRIP by parts: {e}; draw with another seed, or more overlays") from e
    return drawn[places], tuple(called[places].tolist())


def _pixels(dataset: Dataset, item: int, spec: ClassifierSpec) -> np.ndarray:
    return fit_levels(dataset.levels(int(item)), dataset.items[int(item)].bits, spec)
