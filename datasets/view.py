"""A data set seen with other splits: in memory alone, the pictures where they are."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from datasets.atomic import content_id
from datasets.errors import UnknownItem
from datasets.splits import DROPPED
from datasets.store import Dataset


def seen_as(dataset: Dataset, splits: Mapping[str, np.ndarray]) -> Dataset:
    """The data set with these items in these splits and all others in none.

    Its id is another, made from the data set's and the splits, so that what is trained on it is told apart.

    Args:
        dataset: stays as it is.
        splits: the items (n,) int64 of each split.

    Raises:
        UnknownItem: an item that is not there.
    """
    of = [DROPPED] * len(dataset)
    for split, rows in splits.items():
        for index in rows.tolist():
            if not 0 <= index < len(dataset):
                raise UnknownItem(f"{dataset.name}: there is no item {index}; use 0 to {len(dataset) - 1}.")
            of[index] = split
    items = tuple(replace(item, split=split) for item, split in zip(dataset.items, of, strict=True))
    return replace(dataset, id=content_id([dataset.id, of]), items=items)
