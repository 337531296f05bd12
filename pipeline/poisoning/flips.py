"""Wrong labels on purpose: from one class to another, both ways, in a circle, or to any other."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.poisoning.choice import drawn
from pipeline.words import percent

ONE_WAY, PAIRWISE, CYCLIC, UNIFORM = "one_way", "pairwise", "cyclic", "uniform"
KINDS = {
    ONE_WAY: "images of one class are labelled as another",
    PAIRWISE: "two classes are labelled as each other",
    CYCLIC: "every class is labelled as the next",
    UNIFORM: "any class is labelled as any other, by chance",
}

NAMING = (ONE_WAY, PAIRWISE)
"""The kinds that name two classes; the others concern every class."""

MAX_RATIO = 0.5
"""Above it a flipped label is the more frequent one, and what is called the truth turns round."""

WARN_FROM = 0.45
"""From here on nothing in the data itself can tell which of the two labels is the truth."""


@dataclass(frozen=True, kw_only=True)
class FlipRecipe:
    """Which labels are flipped; `ratio` is a share of the training images of every class that is flipped from.

    Attributes:
        kind: one of `KINDS`.
        source: number of the class that is flipped from; of `ONE_WAY` and `PAIRWISE`.
        target: number of the class that it is flipped to; of the same two.
        ratio: from 0 to 0.5.
        seed: of which images, and for `UNIFORM` of which class.

    Raises:
        BadPoison: a value outside its range, or classes where none belong.
    """

    kind: str = ONE_WAY
    source: int | None = None
    target: int | None = None
    ratio: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadPoison(f"flips of kind {self.kind!r}; give one of {', '.join(KINDS)}")
        if not (math.isfinite(self.ratio) and 0 <= self.ratio <= MAX_RATIO):
            raise BadPoison(
                f"a ratio of {self.ratio:g}; give 0 to {MAX_RATIO:g}: beyond half, the flipped label is the usual one"
            )
        named = self.source is not None and self.target is not None
        if self.kind in NAMING:
            if not named:
                raise BadPoison(f"flips of kind {self.kind} from one class to another; name source and target")
            if self.source == self.target:
                raise BadPoison(f"source and target are both class {self.source}; name two classes")
        elif self.source is not None or self.target is not None:
            raise BadPoison(f"flips of kind {self.kind} concern every class; leave source and target out")

    def to_json(self) -> dict[str, object]:
        """The recipe as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "FlipRecipe":
        """The recipe from what `to_json` gave.

        Raises:
            BadPoison: an unknown name, or a value that no recipe can have.
        """
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise BadPoison(f"flips have no {', '.join(unknown)}; there are {', '.join(cls.__dataclass_fields__)}")
        return cls(**values)

    def warning(self, n_classes: int) -> str | None:
        """What must stand beside a ratio that cannot be told from the truth; None for a lower one.

        Uniform flips scatter over all other classes, so that the true label stays the most frequent; of two classes
        there is one other.
        """
        if self.ratio < WARN_FROM or (self.kind == UNIFORM and n_classes > 2):
            return None
        return (
            f"With {percent(self.ratio, stated=True)} of the labels flipped, both labels are about as frequent among"
            " these images: nothing in the data can tell flips from truth. Only images that somebody vouches for can."
        )


def flipped(dataset: Dataset, recipe: FlipRecipe, split: str = "train") -> dict[int, int]:
    """The new class of every image of the split that is flipped, by item.

    Raises:
        BadPoison: a class that is not there, or without an image in the split.
    """
    n_classes = len(dataset.classes)
    labels, rows = dataset.labels, dataset.indices(split)
    changed: dict[int, int] = {}
    for source in _sources(dataset, recipe):
        of_class = rows[labels[rows] == source]
        if len(of_class) == 0:
            raise BadPoison(f"{dataset.name} has no {split} image of {dataset.classes[source]}; choose another class")
        chosen = drawn(dataset, of_class, round(recipe.ratio * len(of_class)), seed=recipe.seed, purpose="poison")
        targets = _targets(recipe, source, len(chosen), n_classes)
        changed.update(zip(chosen.tolist(), targets.tolist(), strict=True))
    return dict(sorted(changed.items()))


def _sources(dataset: Dataset, recipe: FlipRecipe) -> list[int]:
    n_classes = len(dataset.classes)
    if recipe.source is None or recipe.target is None:
        return list(range(n_classes))
    for number in (recipe.source, recipe.target):
        if not 0 <= number < n_classes:
            raise BadPoison(f"{dataset.name} has no class {number}; give 0 to {n_classes - 1}")
    return [recipe.source] if recipe.kind == ONE_WAY else [recipe.source, recipe.target]


def _targets(recipe: FlipRecipe, source: int, n: int, n_classes: int) -> np.ndarray:
    if recipe.source is not None and recipe.target is not None:
        return np.full(n, recipe.target if source == recipe.source else recipe.source)
    if recipe.kind == CYCLIC:
        return np.full(n, (source + 1) % n_classes)
    # Any other class is as likely: the numbers above the source move up by one.
    others = np.random.default_rng([recipe.seed, source]).integers(0, n_classes - 1, n)
    return others + (others >= source)
