"""Whether a classifier learned from a data set, by what it says of itself; read without loading it."""

from pathlib import Path
from typing import Any, cast

from datasets.atomic import read_json
from datasets.store import Dataset
from pipeline.errors import BadPoison


def learned_from(folder: Path) -> tuple[str, tuple[str, ...]]:
    """Name of the classifier of a folder, and the data sets that it was trained on; none where it was imported."""
    told = _described(folder)
    return str(told["name"]), tuple(told["parents"])


def check_learned(folder: Path, dataset: Dataset, *, imported: bool = False) -> None:
    """Refuse a classifier that did not learn from a data set.

    Args:
        folder: of the classifier.
        dataset: what it shall have been trained on.
        imported: whether one of the same classes that does not say what it learned from is taken as well.

    Raises:
        BadPoison: it was trained on other data, or tells other classes apart.
    """
    told = _described(folder)
    name, parents, classes = told["name"], told["parents"], tuple(told["spec"]["classes"])
    if classes != dataset.classes:
        raise BadPoison(
            f"the classifier {name} tells apart {', '.join(classes)}; {dataset.name} has {', '.join(dataset.classes)}:"
            " choose one that was trained on it"
        )
    if dataset.id not in parents and (parents or not imported):
        raise BadPoison(
            f"the classifier {name} was not trained on {dataset.name}; choose one that was, or train one first"
        )


def _described(folder: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", read_json(folder / "classifier.json"))
