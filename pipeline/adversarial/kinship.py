"""Whether a data set and a classifier belong together; reading it loads no torch."""

from collections.abc import Sequence

from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.errors import BadRecipe


def check_classes(classes: Sequence[str], dataset: Dataset) -> None:
    """Refuse a classifier of other classes than the data set's.

    Raises:
        BadRecipe: names both.
        BadDataset: the data set has no labels.
    """
    check_labelled(dataset.name, dataset.classes)
    if tuple(classes) != tuple(dataset.classes):
        raise BadRecipe(
            f"classes {', '.join(classes)} of the classifier, {', '.join(dataset.classes)} of the data set; use a "
            "classifier that was made for these classes, in this order"
        )
