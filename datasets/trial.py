"""What an upload shows before it is imported, so that a useless one is refused at once and not by a job."""

import tempfile
import time
from pathlib import Path

from datasets.errors import BadDataset
from datasets.importing import import_dataset
from datasets.sources import Source, open_source
from datasets.unlabelled import WAY_OUT

SMALL = 64
"""A source of so few files is imported for trial; its pictures may be too few to divide, which only that shows."""

PATIENCE_S = 15.0
_ENOUGH_CLASSES = 2


def try_import(source: Path, *, workdir: Path | None = None, unlabelled: bool = False) -> None:
    """Refuse what `import_dataset` would refuse, as far as some seconds tell.

    Of a large source, images are decoded until two classes have shown a usable one, or until one is found where there
    are no labels. What takes longer than `PATIENCE_S` to find is left to the import.

    Args:
        source: as for `import_dataset`.
        workdir: where arrays are unpacked for the time of the trial.
        unlabelled: as for `import_dataset`.

    Raises:
        BadArchive: the zip cannot be opened safely.
        BadArrays: the arrays are no images with labels.
        BadDataset: nothing usable, one class, or too few pictures to divide.
    """
    with open_source(source, workdir=workdir, unlabelled=unlabelled) as opened:
        if opened.n_files > SMALL:
            seen = _classes_seen(opened, enough=1 if unlabelled else _ENOUGH_CLASSES)
            if seen is not None:
                raise BadDataset(f"{source.name}: {_too_few(seen, opened.n_files, unlabelled=unlabelled)}.")
            return
    with tempfile.TemporaryDirectory(prefix="trial-", dir=workdir) as folder:
        import_dataset(source, Path(folder), name="trial", unlabelled=unlabelled)


def _classes_seen(opened: Source, *, enough: int) -> set[str] | None:
    """The classes of all images looked at where they are too few, "" among them for an unusable image.

    None where there are enough, or time is up.
    """
    until = time.monotonic() + PATIENCE_S
    seen: set[str] = set()
    for label in opened.usable_labels():
        seen.add(label)
        if len(seen - {""}) >= enough or time.monotonic() > until:
            return None
    return seen


def _too_few(seen: set[str], n_files: int, *, unlabelled: bool) -> str:
    if unlabelled:
        return f"no usable image in {n_files} files, expected clean scans"
    usable = sorted(seen - {""})
    # Of files in no folder none is looked at.
    step = f"; {WAY_OUT}" if usable or not seen else ""
    return (
        f"usable images of {len(usable)} classes ({', '.join(usable) or 'none'}) in {n_files} files, expected at "
        f"least {_ENOUGH_CLASSES} classes, each a folder of images{step}"
    )
