"""Single images of a run: test images with what each model says of them, and training images with both of their labels.

Pages, programs and the command line show the same ones in the same order. Known without torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.errors import UnknownItem
from datasets.store import Dataset
from pipeline.pictures import amplification
from pipeline.poisoning.answers import Answers
from pipeline.poisoning.poison import FLIPS, poison_record


@dataclass(frozen=True)
class Said:
    """What one model says of one image, with its probability; `right` where that is the true class."""

    model: str
    class_name: str
    probability: float
    right: bool

    def to_json(self) -> dict[str, object]:
        """The answer as JSON values."""
        return {
            "model": self.model,
            "predicted": self.class_name,
            "probability": round(self.probability, 4),
            "right": self.right,
        }


@dataclass(frozen=True)
class Tested:
    """A test image; `triggered` is empty where nothing is stamped."""

    index: int
    name: str
    true: str
    said: tuple[Said, ...]
    triggered: tuple[Said, ...]

    def to_json(self) -> dict[str, object]:
        """The image as JSON values; `with_trigger` is null where nothing is stamped."""
        return {
            "index": self.index,
            "name": self.name,
            "label": self.true,
            "models": [one.to_json() for one in self.said],
            "with_trigger": [one.to_json() for one in self.triggered] or None,
        }


@dataclass(frozen=True)
class Trained:
    """A training image as it was given to the poisoned model.

    Attributes:
        index: in either data set.
        name: of its file.
        poisoned: whether the lab changed its label or its picture.
        stamped: whether it changed the picture.
        before: its class in the clean data set.
        after: its class in the poisoned one.
        times: what the difference of both pictures is amplified by where it is drawn; 1 where there is none.
    """

    index: int
    name: str
    poisoned: bool
    stamped: bool
    before: str
    after: str
    times: int

    def to_json(self) -> dict[str, object]:
        """The image as JSON values: the label that it was given, and the true one."""
        return {
            "index": self.index,
            "name": self.name,
            "label": self.after,
            "true_label": self.before,
            "flipped": self.after != self.before,
            "stamped": self.stamped,
        }


def mixed(rows: np.ndarray, seed: int) -> np.ndarray:
    """These rows in the order that a seed draws."""
    return np.random.default_rng(seed).permutation(rows)


def example_tested(clean: Dataset, answers: Answers, row: int, *, triggered: Answers | None = None) -> Tested:
    """A test image with the answers at this row; `triggered` are those with the trigger on, in the same rows."""
    index = int(answers.items[row])
    item = clean.items[index]
    said = tuple(_said(answers, clean, row, item.label))
    beside = () if triggered is None else tuple(_said(triggered, clean, row, item.label))
    return Tested(index, item.name, clean.classes[item.label], said, beside)


def row_of_item(answers: Answers, index: int) -> int:
    """Where the answers to a test image stand, by its number in the data set.

    Raises:
        UnknownItem: it is none of the test images.
    """
    items = answers.items
    (rows,) = np.nonzero(items == index)
    if not len(rows):
        raise UnknownItem(
            f"Item {index} is no test image; there are {len(items)}, from {items.min()} to {items.max()}."
        )
    return int(rows[0])


def poisoned_items(poisoned: Dataset) -> np.ndarray:
    """The training images that the lab changed, (n,) int64, in a fixed mixture; none of a clean data set."""
    record = poison_record(poisoned)
    return np.empty(0, dtype=np.int64) if record is None else mixed(np.sort(record.items), 0)


def examples_trained(clean: Dataset, poisoned: Dataset, indices: np.ndarray) -> list[Trained]:
    """These training images, each with the class that it had and the one that the poisoned model was given."""
    record = poison_record(poisoned)
    marked = set() if record is None else set(record.items.tolist())
    stamps, names = record is not None and record.kind != FLIPS, clean.classes
    found = []
    for index in map(int, indices):
        stamped = stamps and index in marked
        times = amplification(clean.levels(index), poisoned.levels(index)) if stamped else 1
        before, after = names[clean.items[index].label], names[poisoned.items[index].label]
        found.append(Trained(index, clean.items[index].name, index in marked, stamped, before, after, times))
    return found


def _said(answers: Answers, dataset: Dataset, row: int, label: int) -> Iterator[Said]:
    for model, classes in answers.classes.items():
        told = int(classes[row])
        yield Said(model, dataset.classes[told], float(answers.probabilities[model][row]), told == label)
