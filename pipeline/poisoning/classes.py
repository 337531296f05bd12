"""The number of a class, from what people call it."""

from datasets.store import Dataset
from pipeline.errors import BadPoison


def class_number(dataset: Dataset, text: str) -> int:
    """The number of a class that is given by its name or by its number.

    Raises:
        BadPoison: there is no such class.
    """
    if text in dataset.classes:
        return dataset.classes.index(text)
    if text.isascii() and text.isdecimal() and int(text) < len(dataset.classes):
        return int(text)
    raise BadPoison(f"{dataset.name} has no class {text!r}; its classes are {', '.join(dataset.classes)}")
