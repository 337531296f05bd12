"""A backdoor: a trigger on some training images, so that the classifier answers the target wherever it appears."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.poisoning.choice import drawn
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.triggers import Trigger
from pipeline.words import percent

DIRTY, CLEAN = "dirty", "clean"
LABELS = {
    DIRTY: "images of other classes, labelled as the target",
    CLEAN: "images of the target class, which keep their label",
}


@dataclass(frozen=True, kw_only=True)
class BackdoorRecipe:
    """What is stamped on how many images.

    Attributes:
        trigger: what they carry.
        target: number of the class that the trigger shall stand for.
        rate: share of ALL training images that are poisoned, above 0 to 0.5.
        labels: one of `LABELS`.
        perturbation: of clean-label images, before the trigger is stamped: makes what they show harder to learn from,
            so that the trigger is learned instead. None stamps them as they are, which is the control.
        seed: of which images.

    Raises:
        BadPoison: a value outside its range, or a perturbation of dirty-label images.
    """

    trigger: Trigger = field(default_factory=Trigger)
    target: int = 0
    rate: float = 0.05
    labels: str = DIRTY
    perturbation: Perturbation | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.labels not in LABELS:
            raise BadPoison(f"labels {self.labels!r}; give one of {', '.join(LABELS)}")
        if not (math.isfinite(self.rate) and 0 < self.rate <= 0.5):
            raise BadPoison(f"a rate of {self.rate:g} of all training images; give more than 0, at most 0.5")
        if self.perturbation is not None and self.labels == DIRTY:
            raise BadPoison("a perturbation of dirty-label images; their wrong label is enough: leave it out")

    def to_json(self) -> dict[str, object]:
        """The recipe as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "BackdoorRecipe":
        """The recipe from what `to_json` gave; what is not named keeps its default.

        Raises:
            BadPoison: an unknown name, or a value that no recipe can have.
        """
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise BadPoison(f"a backdoor has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}")
        given = dict(values)
        if isinstance(given.get("trigger"), Mapping):
            given["trigger"] = Trigger.from_json(given["trigger"])
        if isinstance(given.get("perturbation"), Mapping):
            given["perturbation"] = Perturbation.from_json(given["perturbation"])
        return cls(**given)


def taught(recipe: BackdoorRecipe) -> dict[str, BackdoorRecipe]:
    """What a run teaches, by its words: the backdoor, and beside a perturbed one the same without perturbation."""
    recipes = {f"{recipe.labels}-label backdoor": recipe}
    if recipe.perturbation is not None:
        recipes["control without perturbation"] = replace(recipe, perturbation=None)
    return recipes


def tested_trigger(recipe: BackdoorRecipe, strength: float | None) -> Trigger:
    """The trigger as it is laid on test images: of another strength where one is given.

    Raises:
        BadPoison: a strength that no trigger can have.
    """
    return recipe.trigger if strength is None else replace(recipe.trigger, strength=strength)


@dataclass(frozen=True)
class Rates:
    """How much is poisoned, as people count it: of all training images, and of those labelled as the target."""

    n: int
    n_train: int
    n_target: int

    @property
    def of_all(self) -> float:
        """Share of all training images."""
        return self.n / self.n_train

    @property
    def of_target(self) -> float:
        """Share of the training images that carry the target's label afterwards."""
        return self.n / self.n_target


def poisoned_rows(dataset: Dataset, recipe: BackdoorRecipe, split: str = "train") -> np.ndarray:
    """The items that are stamped, (n,) int64.

    Raises:
        BadPoison: no such class, too few images for the rate, or a rate of less than one image.
    """
    if not 0 <= recipe.target < len(dataset.classes):
        raise BadPoison(f"{dataset.name} has no class {recipe.target}; give 0 to {len(dataset.classes) - 1}")
    rows = dataset.indices(split)
    of_target = dataset.labels[rows] == recipe.target
    there = rows[of_target if recipe.labels == CLEAN else ~of_target]
    n, asked = round(recipe.rate * len(rows)), f"{percent(recipe.rate, stated=True)} of {len(rows)} training images"
    if n == 0:
        raise BadPoison(f"{asked} are none; give a higher rate")
    if n > len(there):
        which = "of the target class" if recipe.labels == CLEAN else "of other classes"
        most = percent(math.floor(10_000 * len(there) / len(rows)) / 10_000, stated=True)
        raise BadPoison(f"{asked} are {n}, and only {len(there)} are {which}; give at most {most}")
    return drawn(dataset, there, n, seed=recipe.seed, purpose="poison")


def rates(dataset: Dataset, recipe: BackdoorRecipe, split: str = "train") -> Rates:
    """How much the recipe poisons of a clean data set."""
    n, rows = len(poisoned_rows(dataset, recipe, split)), dataset.indices(split)
    n_target = int((dataset.labels[rows] == recipe.target).sum())
    return Rates(n, len(rows), n_target + (n if recipe.labels == DIRTY else 0))
