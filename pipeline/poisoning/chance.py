"""Whether anything was learned: an accuracy beside that of always naming the largest class."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pipeline.poisoning.success import Share
from pipeline.words import percent

OF_RUN = "What this says of poison means little."
OF_SEARCH = "What the finders flag means little."
OF_REPAIR = "What this says of the repair means little."
"""What follows where a model is not better than chance."""

MORE_EPOCHS = "train for more epochs"


@dataclass(frozen=True)
class Learning:
    """What a model has right, and what naming one class would.

    Attributes:
        who: in words that follow "the accuracy of".
        right: of the images that it was asked about.
        images: what these are, in words.
        largest: share of the largest class among them.
        step: what to do where it is not better than chance.
    """

    who: str
    right: Share
    images: str
    largest: float
    step: str = MORE_EPOCHS

    @property
    def above_chance(self) -> bool:
        """Whether the lower end of the 95 % Wilson interval lies above the share of the largest class."""
        return self.right.interval[0] > self.largest

    @property
    def words(self) -> str:
        """What is measured, for where it is not better than chance."""
        return (
            f"The accuracy of {self.who} is {self.right} on {self.right.n} {self.images}, no better than chance: always"
            f" naming the largest class has {percent(self.largest)} right."
        )

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {
            "who": self.who,
            "images": self.images,
            "accuracy": self.right.to_json(),
            "largest_class": self.largest,
            "above_chance": self.above_chance,
            "step": self.step,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Learning":
        """What `to_json` gave."""
        right = Share(told["accuracy"]["n_hit"], told["accuracy"]["n"])
        return cls(told["who"], right, told["images"], told["largest_class"], told["step"])

    def of(self, more: str) -> "Learning":
        """The same, with more words of whose model it is."""
        return replace(self, who=f"{self.who} {more}")


def learning(who: str, probs: np.ndarray, labels: np.ndarray, *, images: str, step: str = MORE_EPOCHS) -> Learning:
    """The learning of a model by what it says of images, (n, K), and their labels, (n,) in [0, K)."""
    n_right = int((probs.argmax(1) == labels).sum())
    largest = float(np.bincount(labels).max() / len(labels))
    return Learning(who, Share(n_right, len(labels)), images, largest, step)


def learning_of(who: str, confusion: Sequence[Sequence[int]], *, step: str = MORE_EPOCHS) -> Learning:
    """The learning of a classifier by its `confusion[true][predicted]` of test images."""
    rows = [sum(row) for row in confusion]
    n_right = sum(row[k] for k, row in enumerate(confusion))
    return Learning(who, Share(n_right, sum(rows)), "test images", max(rows) / max(sum(rows), 1), step)


def not_learned(found: Iterable[Learning], follows: str) -> str | None:
    """What must stand before everything else; None where all models are better than chance."""
    idle = [one for one in found if not one.above_chance]
    steps = dict.fromkeys(one.step for one in idle)
    return " ".join([*(one.words for one in idle), follows, f"Next: {'; '.join(steps)}."]) if idle else None
