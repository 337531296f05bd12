"""What may happen to an artefact without anything being wrong; a check that cries after one of these is false."""

import random
from collections.abc import Callable
from pathlib import Path

from benchmarks.tampering_data import CLASSES, SIDE, classifier, generated, written
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.poisoning.repair import repair
from pipeline.provenance.chain import HISTORY_FILES
from pipeline.provenance.record import trust

N = 60
"""Images of the data set: two training images of each class, so that no repair empties a class."""

OLD = "nothing, made before histories were kept"
"""Told as not whole by a verification, since nothing vouches for it; what is counted is whether it is refused."""

Event = Callable[[random.Random, DataRoot, Dataset], Path]
"""Lets something happen that anybody may do, and gives the folder that it happened to."""


def prepared(root: DataRoot) -> Dataset:
    """What the events happen to."""
    return generated(root, N, SIDE)


def _nothing(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    return dataset.folder


def _trained(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    folders = [*root.models.iterdir()]
    return folders[0] if folders else classifier(root, dataset).folder


def _imported_again(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    return written(root, N, SIDE).folder


def _vouched(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    trust(dataset.folder, root, by="benchmark", why="looked at it once more")
    return dataset.folder


def _relabelled(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    index = rng.choice(dataset.indices("train").tolist())
    label = rng.choice([one for one in range(len(CLASSES)) if one != dataset.items[index].label])
    return repair(dataset, root.datasets, name="relabelled", relabel={index: label}, by="benchmark").folder


def _dropped(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    train = dataset.indices("train").tolist()
    first = rng.choice(train)
    second = rng.choice([one for one in train if dataset.items[one].label != dataset.items[first].label])
    return repair(dataset, root.datasets, name="dropped", drop=(first, second), by="benchmark").folder


def _old(rng: random.Random, root: DataRoot, dataset: Dataset) -> Path:
    made = written(DataRoot(root.path / "old"), N, SIDE)
    for path in made.folder.glob(HISTORY_FILES):
        path.unlink()
    return made.folder


EVENTS: dict[str, Event] = {
    "nothing": _nothing,
    "a training on it": _trained,
    "imported again": _imported_again,
    "vouched for": _vouched,
    "relabelled": _relabelled,
    "dropped": _dropped,
    OLD: _old,
}
