"""Images and their true classes as people write them, the same in the browser and on the command line."""

import re
from collections.abc import Mapping

from datasets.store import Dataset
from pipeline.errors import BadPoison
from pipeline.poisoning.classes import class_number

FORM = "40:0"
"""How an image and its class are shown wherever they are asked for; "=" is read as well."""

_BETWEEN = re.compile(r"[\n,;]+")
_PAIR = re.compile(r"([^:=]*)[:=](.*)", re.DOTALL)
_NUMBER = re.compile(r"[0-9]{1,9}")
_SHOWN = 40


def relabelled(text: str) -> dict[int, str]:
    """The images of a list such as 40:0, 41=left, each with what stands for its class.

    Raises:
        BadPoison: a part is not of that form, or an image is named twice.
    """
    found: dict[int, str] = {}
    for part in filter(None, (one.strip() for one in _BETWEEN.split(text))):
        pair = _PAIR.fullmatch(part)
        item, name = (piece.strip() for piece in pair.groups()) if pair else (part, "")
        if not name:
            raise BadPoison(f"{part[:_SHOWN]} names no class; give number and class, such as {FORM}")
        if not _NUMBER.fullmatch(item):
            raise BadPoison(f"{item[:_SHOWN]} is no number of an image; give digits alone, such as {FORM}")
        if int(item) in found:
            raise BadPoison(f"image {int(item)} is named twice; name it once")
        found[int(item)] = name
    return found


def numbered(named: Mapping[int, str], dataset: Dataset) -> dict[int, int]:
    """The same with the numbers of the classes.

    Raises:
        BadPoison: the data set has no such class.
    """
    return {item: class_number(dataset, name) for item, name in named.items()}
