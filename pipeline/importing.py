"""Images as they come become a data set with a history."""

from pathlib import Path

from datasets import importing
from datasets.atomic import sha256_file
from datasets.progress import Progress, ignore
from datasets.splits import Shares
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.provenance.event import UNNAMED, EventKind
from pipeline.provenance.record import recorded


def import_dataset(
    source: Path,
    root: DataRoot,
    *,
    name: str,
    seed: int = 0,
    shares: Shares | None = None,
    unlabelled: bool = False,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Dataset:
    """Import as `datasets.importing.import_dataset` does, and begin the data set's history, or write it on.

    Args:
        source: a zip, a folder, an .npz or .h5 file, or MNIST IDX files.
        root: where the data set goes.
        name: what people call it.
        seed: of the division into splits.
        shares: how much each split gets.
        unlabelled: the images are clean scans for calibration alone.
        by: who imports, for the history.
        progress: what it raises ends the import and leaves nothing behind.

    Raises:
        DatasetError: the source cannot be imported.
        BrokenHistory: the same data set lies there already with a history that is not whole.
    """
    dataset = importing.import_dataset(
        source, root.datasets, name=name, seed=seed, shares=shares, unlabelled=unlabelled, progress=progress
    )
    facts = {"source": dataset.source, "name": name, "n": len(dataset), "counts": dataset.counts()}
    if source.is_file():
        facts["source_sha256"] = sha256_file(source)
    recorded(dataset.folder, root, EventKind.IMPORT, by=by, facts=facts)
    divided = {"seed": seed, "counts": dataset.counts()}
    recorded(dataset.folder, root, EventKind.SPLIT, by=by, facts=divided)
    return dataset
