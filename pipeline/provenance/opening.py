"""Data sets as they are opened to be worked with: only as their histories say they are."""

from pathlib import Path

from datasets.store import Dataset, open_dataset
from pipeline.provenance.record import checked


def checked_dataset(folder: Path) -> Dataset:
    """The data set of a folder, after its history and the hashes of its files were checked.

    Checked first, so that a levels file that was changed is hashed and never parsed. One that has no history, made by
    an earlier version, is opened where its pictures, labels and splits still make its id. Pages that only show a data
    set use `open_dataset`: what was changed can still be looked at.

    Raises:
        BrokenHistory: its history is not whole, or it is not what its history or its id says.
        DamagedStore: it has no history, and its files do not belong together.
    """
    checked(folder)
    return open_dataset(folder)
