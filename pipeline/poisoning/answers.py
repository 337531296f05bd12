"""What the classifiers of a run say of every test image, kept so that a page can show any of them without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.poisoning.triggers import Trigger

if TYPE_CHECKING:
    # Only for the type: it loads torch, and a web process reads this module too.
    from pipeline.models.files import Classifier

_DIGITS = 4


@dataclass(frozen=True)
class Answers:
    """The answers of several models to the same items.

    Attributes:
        items: of the data set, (n,) int64.
        classes: (n,) int64 for each model, by its words.
        probabilities: (n,) float64 for each model, of the class that it names.
    """

    items: np.ndarray
    classes: Mapping[str, np.ndarray]
    probabilities: Mapping[str, np.ndarray]

    def to_json(self) -> dict[str, object]:
        """The answers as JSON values."""
        return {
            "items": self.items.tolist(),
            "models": {
                name: {
                    "classes": self.classes[name].tolist(),
                    "probabilities": [round(float(one), _DIGITS) for one in self.probabilities[name]],
                }
                for name in self.classes
            },
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Answers":
        """The answers from what `to_json` gave."""
        models = values["models"]
        return cls(
            np.array(values["items"], dtype=np.int64),
            {name: np.array(told["classes"], dtype=np.int64) for name, told in models.items()},
            {name: np.array(told["probabilities"], dtype=np.float64) for name, told in models.items()},
        )


def answers(
    dataset: Dataset,
    classifiers: "Mapping[str, Classifier]",
    *,
    trigger: Trigger | None = None,
    rows: np.ndarray | None = None,
    progress: Progress = ignore,
) -> Answers:
    """What each of the classifiers says of test images, with a trigger on if one is given.

    Args:
        dataset: a clean one.
        classifiers: by their words.
        trigger: laid on every image.
        rows: the items that are asked about, (n,) int64; every test image where None.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the trigger lies off an image.
    """
    from pipeline.models.files import load_model
    from pipeline.poisoning.success import answered

    asked = dataset.indices("test") if rows is None else rows
    told = {
        name: answered(load_model(one), dataset, asked.tolist(), trigger=trigger, progress=progress)
        for name, one in classifiers.items()
    }
    return Answers(asked, {name: one[0] for name, one in told.items()}, {name: one[1] for name, one in told.items()})
