"""The main job on one page: from a source of scans to a gate that screens them.

    data set -> classifier -> adversarial set -> detector -> gate

Each step is one function of its room; this page only puts them in a row and remembers what was made of what, so
that a second run takes up what is there.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from datasets.atomic import content_id, read_json, write_json
from datasets.progress import Progress
from datasets.splits import Shares
from datasets.store import Dataset, open_dataset
from pipeline.adversarial.build import build_adversarial
from pipeline.adversarial.files import AdversarialSet, open_adversarial
from pipeline.adversarial.recipe import DEFAULT_RECIPE, Recipe
from pipeline.artefacts import DataRoot
from pipeline.detection.files import Detector, open_detector
from pipeline.detection.settings import DetectorSettings
from pipeline.detection.train import LEARNING, train_detector
from pipeline.errors import BadGate, UnknownArtefact
from pipeline.gate.files import Gate, read_gate
from pipeline.gate.release import release
from pipeline.importing import import_dataset
from pipeline.models.files import Classifier, open_classifier
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier

Artefact = TypeVar("Artefact", Dataset, Classifier, AdversarialSet, Detector, Gate)

Stage = Callable[[str], AbstractContextManager[Progress]]
"""Opens a stage of this name for whoever watches, and gives where its progress goes."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """Everything that is chosen before the run."""

    name: str
    seed: int = 0
    shares: Shares = field(default_factory=Shares)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    recipe: Recipe = DEFAULT_RECIPE
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    alpha: float = 0.01

    def __post_init__(self) -> None:
        # Whether the scans support it shows at the end; what no rate can be is refused before hours of work.
        if not 0 < self.alpha <= 0.5:
            raise BadGate(f"alpha {self.alpha}; give a false-alarm rate within (0, 0.5], for instance 0.01")


@dataclass(frozen=True)
class Made:
    """What the run made, or found made, and the seconds that each stage took when it was made."""

    dataset: Dataset
    classifier: Classifier
    adversarial: AdversarialSet
    detector: Detector
    gate: Gate
    seconds: dict[str, float]


def run(source: Path, root: DataRoot, choices: Choices, stage: Stage) -> Made:
    """Make a released gate from a source of labelled scans.

    Killed and called again it goes on where it was; called again when all is there, it makes nothing twice.

    Args:
        source: a zip or folder of class folders, an .npz or .h5 file, or MNIST IDX files.
        root: where artefacts go.
        choices: what is chosen beforehand.
        stage: shows each stage's progress.

    Raises:
        DatasetError: the source cannot be imported.
        PipelineError: a later step refuses.
    """
    memory = _Memory(root, choices, stage)
    dataset = _data_set(source, memory)
    classifier = _classifier(dataset, memory)
    adversarial = _adversarial_set(dataset, classifier, memory)
    detector = _detector(adversarial, dataset, classifier, memory)
    gate = _gate(detector, memory)
    return Made(dataset, classifier, adversarial, detector, gate, memory.seconds)


def classify(source: Path, root: DataRoot, choices: Choices, stage: Stage) -> tuple[Dataset, Classifier]:
    """The first two steps of `run` alone, with the same memory: the data set and the classifier trained on it."""
    memory = _Memory(root, choices, stage)
    dataset = _data_set(source, memory)
    return dataset, _classifier(dataset, memory)


class _Memory:
    """Which artefact was made of which inputs, kept as small notes in the work folder."""

    def __init__(self, root: DataRoot, choices: Choices, stage: Stage) -> None:
        self.root = root
        self.choices = choices
        self.stage = stage
        self.seconds: dict[str, float] = {}

    def once(
        self,
        step: str,
        inputs: Sequence[object],
        make: Callable[[Progress], Artefact],
        open_made: Callable[[str], Artefact],
    ) -> Artefact:
        """What was made of these inputs before and is still there, or made now."""
        note = self.root.work / f"made-{step}-{content_id(list(inputs))}.json"
        if note.exists():
            known = cast("dict[str, str | float]", read_json(note))
            self.seconds[step] = float(known["seconds"])
            with suppress(UnknownArtefact):
                return open_made(str(known["id"]))
        began = time.monotonic()
        with self.stage(step) as progress:
            made = make(progress)
        self.seconds[step] = time.monotonic() - began
        write_json(note, {"id": made.id, "seconds": self.seconds[step]})
        return made


def _data_set(source: Path, memory: _Memory) -> Dataset:
    root, chosen = memory.root, memory.choices
    stamp = source.stat()

    def make(progress: Progress) -> Dataset:
        return import_dataset(source, root, name=chosen.name, seed=chosen.seed, shares=chosen.shares, progress=progress)

    inputs = [str(source.resolve()), stamp.st_size, stamp.st_mtime_ns, str(chosen.shares), chosen.seed]
    return memory.once("import", inputs, make, lambda made: open_dataset(root.find("datasets", made)))


def _classifier(dataset: Dataset, memory: _Memory) -> Classifier:
    root, settings = memory.root, memory.choices.training

    def make(progress: Progress) -> Classifier:
        name = memory.choices.name
        return train_classifier(dataset, settings, root.models, work=root.work, name=name, progress=progress)

    inputs = [dataset.id, settings.to_json()]
    return memory.once("classifier", inputs, make, lambda made: open_classifier(root.find("models", made)))


def _adversarial_set(dataset: Dataset, classifier: Classifier, memory: _Memory) -> AdversarialSet:
    root, recipe = memory.root, memory.choices.recipe

    def make(progress: Progress) -> AdversarialSet:
        return build_adversarial(
            dataset,
            classifier,
            recipe,
            root.adversarial,
            work=root.work,
            name=memory.choices.name,
            progress=progress,
        )

    inputs = [dataset.id, classifier.id, recipe.to_json()]
    return memory.once("attacks", inputs, make, lambda made: open_adversarial(root.find("adversarial", made)))


def _detector(adversarial: AdversarialSet, dataset: Dataset, classifier: Classifier, memory: _Memory) -> Detector:
    root, settings = memory.root, memory.choices.detector

    def make(progress: Progress) -> Detector:
        return train_detector(
            adversarial,
            dataset,
            classifier,
            settings,
            root.detectors,
            work=root.work,
            name=memory.choices.name,
            progress=progress,
        )

    inputs = [LEARNING, adversarial.id, settings.to_json()]
    return memory.once("detector", inputs, make, lambda made: open_detector(root.find("detectors", made)))


def _gate(detector: Detector, memory: _Memory) -> Gate:
    root, chosen = memory.root, memory.choices

    def make(progress: Progress) -> Gate:
        return release(detector, root, name=chosen.name, alpha=chosen.alpha, progress=progress)

    return memory.once("release", [detector.id, chosen.alpha], make, lambda made: read_gate(root.find("gates", made)))
