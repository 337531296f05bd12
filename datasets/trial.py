"""What an upload shows before it is imported, so that a useless one is refused at once and not by a job."""

import tempfile
import time
from pathlib import Path

from datasets.errors import BadDataset
from datasets.importing import import_dataset
from datasets.sources import Source, open_source

SMALL = 64
"""A source of so few files is imported for trial; its pictures may be too few to divide, which only that shows."""

PATIENCE_S = 15.0
_ENOUGH_CLASSES = 2


def try_import(source: Path, *, workdir: Path | None = None) -> None:
    """Refuse what `import_dataset` would refuse, as far as some seconds tell.

    Of a large source, images are decoded until two classes have shown a usable one. What takes longer than
    `PATIENCE_S` to find is left to the import.

    Args:
        source: as for `import_dataset`.
        workdir: where arrays are unpacked for the time of the trial.

    Raises:
        BadArchive: the zip cannot be opened safely.
        BadArrays: the arrays are no images with labels.
        BadDataset: nothing usable, one class, or too few pictures to divide.
    """
    with open_source(source, workdir=workdir) as opened:
        if opened.n_files > SMALL:
            _find_two_classes(source.name, opened)
            return
    with tempfile.TemporaryDirectory(prefix="trial-", dir=workdir) as folder:
        import_dataset(source, Path(folder), name="trial")


def _find_two_classes(name: str, opened: Source) -> None:
    until = time.monotonic() + PATIENCE_S
    seen: set[str] = set()
    for label in opened.usable_labels():
        seen |= {label} - {""}
        if len(seen) >= _ENOUGH_CLASSES or time.monotonic() > until:
            return
    raise BadDataset(
        f"{name}: usable images of {len(seen)} classes ({', '.join(sorted(seen)) or 'none'}) in {opened.n_files} "
        f"files, expected at least {_ENOUGH_CLASSES} classes, each a folder of images."
    )
