"""Artefacts and figures of the report on the detector: made once, kept, and taken up by a run that was stopped."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.detector_plan import Plan
from datasets.atomic import content_id, read_json, write_json
from datasets.store import Dataset
from pipeline.adversarial.build import build_adversarial
from pipeline.adversarial.files import AdversarialSet
from pipeline.adversarial.recipe import Recipe
from pipeline.artefacts import DataRoot
from pipeline.detection.evaluate import Examination, examine_detector
from pipeline.detection.files import Detector, open_detector
from pipeline.detection.settings import DetectorSettings
from pipeline.detection.train import LEARNING, train_detector
from pipeline.errors import UnknownArtefact
from pipeline.models.files import Classifier, open_classifier
from pipeline.run import Made, Stage, run
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier

Json = dict[str, Any]


_ROOT = Path(__file__).resolve().parent.parent

SOURCES = (
    "detector",
    "pipeline/adversarial",
    "pipeline/attacks",
    "pipeline/detection",
    "pipeline/gate",
    "pipeline/models",
    "pipeline/training",
    "datasets/benign.py",
    "datasets/head.py",
)
"""The code that attacks, changes, detects and judges: folders with all that lies below them, and files."""


def sources_id(root: Path = _ROOT) -> str:
    """A hash of the code that figures hang on, to tell those of another state of it; `root` is that of the code."""
    paths = [path for name in SOURCES for path in [root / name, *sorted((root / name).rglob("*.py"))] if path.is_file()]
    return content_id([[path.relative_to(root).as_posix(), path.read_text()] for path in paths])


@dataclass(frozen=True, eq=False)
class Work:
    """Where artefacts and figures lie, and how progress is shown.

    Attributes:
        source: the data; `root` the data root of the artefacts, `notes` the folder of the figures.
        limit: test scans at most, evenly from the split; None for all. Figures of fewer are no result.
    """

    source: Path
    root: DataRoot
    notes: Path
    plan: Plan
    stage: Stage
    limit: int | None = None

    def chain(self, seed: int) -> Made:
        """The main job of a seed: made now, or found made."""
        return run(self.source, self.root, self.plan.choices(seed), self.stage)

    def figures(self, stage: str, seed: int, what: str, inputs: object, make: Callable[[], Json]) -> Json:
        """What was measured of these inputs before, or measured now."""
        key = content_id([stage, seed, what, inputs, self.limit])
        note = self.notes / f"{stage}-{seed}-{key}.json"
        if not note.exists():
            write_json(note, {"stage": stage, "seed": seed, "what": what, "sources": sources_id(), **make()})
        return cast("Json", read_json(note))

    def examined(self, what: str, made: "On", *, beside: bool = False) -> Json:
        """The report on a detector and the scores that seeds are pooled from."""
        with self.stage(what) as progress:
            found = examine_detector(
                made.detector,
                made.rows,
                cast("Dataset", Few(made.dataset, self.limit)) if self.limit else made.dataset,
                made.classifier,
                alpha=self.plan.alpha,
                beside=beside,
                progress=progress,
            )
        return {"report": found.report.to_json(), "raw": raw(found)}

    def set_of(self, dataset: Dataset, classifier: Classifier, recipe: Recipe, seed: int, name: str) -> AdversarialSet:
        """An adversarial set; one that is there already is opened."""
        with self.stage(f"attacks: {name}") as progress:
            return build_adversarial(
                dataset,
                classifier,
                replace(recipe, seed=seed),
                self.root.adversarial,
                work=self.root.work,
                name=name,
                progress=progress,
            )

    def detector(self, on: Made, classifier: Classifier, rows: AdversarialSet, settings: DetectorSettings) -> Detector:
        """A detector of these settings: trained now, or found trained."""

        def make() -> Json:
            with self.stage("detector") as progress:
                made = train_detector(
                    rows, on.dataset, classifier, settings, self.root.detectors, work=self.root.work, progress=progress
                )
            return {"id": made.id}

        return open_detector(self.once("detector", [LEARNING, rows.id, settings.to_json()], "detectors", make))

    def classifier(self, on: Made, settings: TrainingSettings) -> Classifier:
        """A classifier of these settings: trained now, or found trained."""

        def make() -> Json:
            with self.stage("classifier") as progress:
                made = train_classifier(
                    on.dataset, settings, self.root.models, work=self.root.work, name="another", progress=progress
                )
            return {"id": made.id}

        return open_classifier(self.once("classifier", [on.dataset.id, settings.to_json()], "models", make))

    def once(self, step: str, inputs: Sequence[object], kind: str, make: Callable[[], Json]) -> Path:
        """An artefact made now, or found made: its folder; `make` gives its id."""
        note = self.notes / f"made-{step}-{content_id(list(inputs))}.json"
        if note.exists():
            try:
                return self.root.find(kind, str(cast("Json", read_json(note))["id"]))
            except UnknownArtefact:
                note.unlink()  # Made once and deleted since.
        write_json(note, make())
        return self.root.find(kind, str(cast("Json", read_json(note))["id"]))


@dataclass(frozen=True)
class On:
    """What is judged on what."""

    detector: Detector
    rows: AdversarialSet
    dataset: Dataset
    classifier: Classifier

    @property
    def ids(self) -> list[str]:
        """What a figure of these hangs on."""
        return [self.detector.id, self.rows.id, self.dataset.id, self.classifier.id]


class Few:
    """A data set whose splits are cut to a few scans, for a try."""

    def __init__(self, dataset: Dataset, n: int) -> None:
        self._dataset, self._n = dataset, n

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def indices(self, *splits: str) -> np.ndarray:
        """At most n of the scans, spread evenly."""
        found = self._dataset.indices(*splits)
        n = min(self._n, len(found))
        return found[np.arange(n) * len(found) // max(n, 1)]


def raw(found: Examination) -> Json:
    """The scores that pooling needs: of clean scans, of successful attacks and of controlled ones."""
    examined = found.examined

    def told(score: np.ndarray, groups: np.ndarray) -> Json:
        return {"scores": [float(each) for each in score], "groups": [int(each) for each in groups]}

    return {
        "tau": examined.tau,
        "strict_tau": examined.strict_tau,
        "clean": told(examined.clean.score, examined.groups(examined.items)),
        "cells": [
            {
                "attack": cell.attack,
                "level": cell.level,
                "region": cell.region,
                **told(cell.hit, cell.groups[cell.success]),
            }
            for cell in found.cells
        ],
        "controls": {name: told(score, examined.groups(items)) for name, (items, score) in found.controlled.items()},
    }
