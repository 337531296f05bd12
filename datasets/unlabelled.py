"""Clean scans without labels: they calibrate a detector, and nothing is learnt from them or judged on them."""

from collections.abc import Sequence

from datasets.errors import BadDataset
from datasets.layout import Place

UNLABELLED = "unlabelled"
"""What the one class of such a data set is called."""

WAY_OUT = (
    "to calibrate a detector no classes are needed: import clean scans as unlabelled (--unlabelled on the command "
    "line, a box on the page, a field of the order)"
)
"""What can be done with images that have no two classes."""


def unlabelled_places(names: Sequence[str]) -> list[Place]:
    """The place of every file, in the order given: no folder tells a class or a split."""
    return [Place(name, UNLABELLED, None) for name in names]


def is_unlabelled(classes: Sequence[str]) -> bool:
    """Whether a data set of these classes has no labels; any other has two classes at least."""
    return tuple(classes) == (UNLABELLED,)


def check_labelled(name: str, classes: Sequence[str]) -> None:
    """Refuse a data set of this name and these classes for whatever needs labels.

    Raises:
        BadDataset: it has none.
    """
    if is_unlabelled(classes):
        raise BadDataset(
            f"{name}: its scans have no labels and serve calibration alone; recalibrate a detector on them, or choose "
            "a data set with classes."
        )
