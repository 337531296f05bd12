"""The classifier and the test scans that `make results-attacks` measures on; a figure once taken is kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import content_id, read_json, write_json
from datasets.store import Dataset
from pipeline.models.adapter import PixelModel
from pipeline.models.files import Classifier, load_model

Rows = list[dict[str, Any]]

SEED = 0


def sources_id() -> str:
    """A hash of the code that attacks, runs the models and writes the files, to tell figures of another state of it."""
    root = Path(__file__).resolve().parent.parent
    parts = (root / "pipeline" / "attacks", root / "pipeline" / "models", root / "datasets")
    return content_id([path.read_text() for part in parts for path in sorted(part.glob("*.py"))])


@dataclass(frozen=True)
class Group:
    """Images of one shape and depth."""

    levels: np.ndarray  # (n, H, W, C)
    bits: int
    y: np.ndarray
    hashes: list[str]

    @property
    def kind(self) -> tuple[int, ...]:
        """Height, width, channels and bits."""
        return (*self.levels.shape[1:], self.bits)


@dataclass(frozen=True, eq=False)
class Subject:
    """A classifier, and test images that it has never seen, spread evenly over the split."""

    classifier: Classifier
    dataset: Dataset
    work: Path  # Where figures are kept, so that a run that was stopped goes on.
    indices: list[int] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)  # Figures that were kept from an earlier state of the attacks.

    @classmethod
    def of(cls, classifier: Classifier, dataset: Dataset, work: Path, n: int) -> "Subject":
        """At most n images of the test split."""
        test = dataset.indices("test")
        n = min(n, len(test))
        return cls(classifier, dataset, work, [int(test[k * len(test) // n]) for k in range(n)])

    def model(self) -> PixelModel:
        """The classifier, as it is attacked."""
        return load_model(self.classifier)

    def groups(self, n: int | None = None) -> Iterator[Group]:
        """The first of the images (of all, evenly spread), by shape and depth."""
        count = len(self.indices) if n is None else min(n, len(self.indices))
        chosen = [self.indices[k * len(self.indices) // count] for k in range(count)]

        def kind(i: int) -> tuple[int, ...]:
            return (*self.dataset.items[i].shape, self.dataset.items[i].bits)

        for _, same in groupby(sorted(chosen, key=kind), key=kind):
            items = list(same)
            yield Group(
                levels=np.stack(self.dataset.batch(items)),
                bits=self.dataset.items[items[0]].bits,
                y=np.array([self.dataset.items[i].label for i in items]),
                hashes=[self.dataset.items[i].pixels_sha256 for i in items],
            )

    def once(self, what: str, inputs: object, make: Callable[[], Any]) -> Any:
        """What was measured of these inputs before, or measured now; remembers with which sources of the attacks."""
        key = content_id([what, self.classifier.id, self.dataset.id, self.indices, SEED, inputs])
        note = self.work / f"{what}-{key}.json"
        if not note.exists():
            write_json(note, {"sources": sources_id(), "value": make()})
        found: Any = read_json(note)
        if found["sources"] != sources_id():
            self.stale.append(what)
        return found["value"]
