"""The data set as it is kept: a folder with `dataset.h5`, `manifest.json` and `report.json`.

The manifest says what every image is and where it came from; the levels lie in the HDF5 file, in the same order.
"""

import shutil
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import content_id, read_json, replacing_folder, sha256_file, write_json
from datasets.errors import DamagedStore, UnknownItem
from datasets.ragged import RaggedReader, RaggedWriter, new_levels_file
from datasets.splits import DROPPED, SPLITS

FORMAT = "scangate-dataset"
VERSION = 1
LEVELS, MANIFEST, REPORT, HISTORY = "dataset.h5", "manifest.json", "report.json", "history*"
_WORK_PREFIX = ".import-"
# No import takes a day: a work folder of that age was left by a process that was killed.
_STALE_S = 86_400


@dataclass(frozen=True)
class Item:
    """One image of a data set, without its levels.

    Attributes:
        name: the file's path inside the source, or the array's name and row.
        label: index into the data set's classes.
        split: one of `SPLITS`, or "dropped" for an image that is kept for the record only.
        group: copies and near copies of one picture share it; no group lies in two splits.
        sha256: of the file as it came.
        pixels_sha256: of shape, bits and decoded levels: equal for equal pictures in different files.
        shape: height, width, channels.
        bits: depth of the levels, 8 to 16.
    """

    name: str
    label: int
    split: str
    group: int
    sha256: str
    pixels_sha256: str
    shape: tuple[int, int, int]
    bits: int


@dataclass(frozen=True)
class Dataset:
    """An imported data set: its items in memory, its levels read on demand by each process for itself."""

    id: str
    name: str
    folder: Path
    classes: tuple[str, ...]
    items: tuple[Item, ...]
    source: dict[str, object]
    levels_sha256: str  # Of the file that holds the levels.
    _reader: RaggedReader = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def labels(self) -> np.ndarray:
        """The class of every item, (N,) int64."""
        return np.fromiter((item.label for item in self.items), dtype=np.int64, count=len(self.items))

    @property
    def groups(self) -> np.ndarray:
        """The group of every item, (N,) int64."""
        return np.fromiter((item.group for item in self.items), dtype=np.int64, count=len(self.items))

    def levels(self, index: int) -> np.ndarray:
        """The decoded levels of one item, (H, W, C): uint8 up to 8 bits, else uint16.

        Raises:
            UnknownItem: there is no such item.
            DamagedStore: the file cannot be read there.
        """
        return self._reader[int(index)]

    def batch(self, indices: Iterable[int]) -> list[np.ndarray]:
        """The levels of several items, in the order asked for."""
        return [self.levels(index) for index in indices]

    def indices(self, *splits: str) -> np.ndarray:
        """The items of these splits in the order of the data set, (n,) int64.

        Raises:
            UnknownItem: there is no split of that name.
        """
        if unknown := sorted(set(splits) - {*SPLITS, DROPPED}):
            raise UnknownItem(f"{self.name}: no split {', '.join(unknown)}; use {', '.join(SPLITS)}.")
        return np.array([i for i, item in enumerate(self.items) if item.split in splits], dtype=np.int64)

    def counts(self) -> dict[str, list[int]]:
        """How many items each split has of each class, in the order of `classes`."""
        return counts_of(self.items, len(self.classes))

    def report(self) -> dict[str, object]:
        """What the import found, as it was written beside the manifest.

        Raises:
            DamagedStore: the report is missing or not JSON.
        """
        return _read_object(self.folder / REPORT)


def dataset_id(classes: tuple[str, ...], items: Iterable[Item], source_kind: str) -> str:
    """The id of a data set: the same pictures, labels and splits from the same kind of source give the same."""
    rows = [[item.name, item.pixels_sha256, item.label, item.split] for item in items]
    return content_id({"classes": list(classes), "items": rows, "source": source_kind})


def counts_of(items: Iterable[Item], n_classes: int) -> dict[str, list[int]]:
    """How many items each split, and "dropped", has of each class."""
    table = {split: [0] * n_classes for split in (*SPLITS, DROPPED)}
    for item in items:
        table[item.split][item.label] += 1
    return table


class DatasetWriter:
    """Collects levels in a folder of its own; `finish` makes the data set appear whole.

    `close` removes what was not finished: use `contextlib.closing`.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        self._root = root
        self._work = tempfile.TemporaryDirectory(prefix=_WORK_PREFIX, dir=root)
        self._path = self.folder / LEVELS
        self._file = new_levels_file(self._path)
        self._levels = RaggedWriter(self._file)

    @property
    def folder(self) -> Path:
        """A folder for work files that vanishes when the writer is closed."""
        return Path(self._work.name)

    def append(self, levels: np.ndarray, bits: int) -> int:
        """Store the levels (H, W, C) of the next item and give its number."""
        return self._levels.append(levels, bits)

    def repeat(self, index: int) -> int:
        """Let the next item share the levels of an earlier one, and give its number."""
        return self._levels.repeat(index)

    def finish(
        self, name: str, classes: tuple[str, ...], items: tuple[Item, ...], source: dict[str, object], report: object
    ) -> Dataset:
        """Write manifest and report and move everything to `root/<id>`, replacing what is there but its history.

        Args:
            name: what people call it; no part of the id.
            classes: in the order of the labels.
            items: one for each call of `append` and `repeat`, in that order.
            source: where it came from; its "kind" is part of the id.
            report: what the import found, as JSON.
        """
        self._levels.finish()
        self._file.close()
        made = dataset_id(classes, items, str(source["kind"]))
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "id": made,
            "name": name,
            "classes": list(classes),
            "source": source,
            "levels_sha256": sha256_file(self._path),
            "items": [asdict(item) for item in items],
        }
        with replacing_folder(self._root / made, keep=HISTORY) as folder:
            self._path.rename(folder / LEVELS)
            write_json(folder / REPORT, report)
            write_json(folder / MANIFEST, manifest)
        return open_dataset(self._root / made)

    def close(self) -> None:
        """Remove what was written beside."""
        self._file.close()
        self._work.cleanup()


def open_dataset(folder: Path) -> Dataset:
    """The data set in a folder, after its levels were checked against the manifest.

    Raises:
        DamagedStore: a file is missing or differs, or another version of Scangate wrote it.
    """
    manifest = _read_object(folder / MANIFEST)
    if manifest.get("format") != FORMAT or manifest.get("version") != VERSION:
        found = f"{manifest.get('format')!r} version {manifest.get('version')!r}"
        raise DamagedStore(f"{folder}: {found}, expected {FORMAT!r} version {VERSION}; import the source again.")
    path = folder / LEVELS
    try:
        stat = path.stat()
        found = _checked_sha256(path, stat.st_mtime_ns, stat.st_size)
        if found != manifest["levels_sha256"]:
            raise DamagedStore(
                f"{path}: sha256 {found[:16]}…, the manifest says {manifest['levels_sha256'][:16]}…; "
                "bring the file back from a backup, or import the source again."
            )
        return Dataset(
            id=manifest["id"],
            name=manifest["name"],
            folder=folder,
            classes=tuple(manifest["classes"]),
            items=tuple(Item(**{**row, "shape": tuple(row["shape"])}) for row in manifest["items"]),
            source=manifest["source"],
            levels_sha256=found,
            _reader=RaggedReader(path),
        )
    except (OSError, KeyError, TypeError) as e:
        raise DamagedStore(f"{folder}: not a whole data set ({e}); import the source again.") from e


@lru_cache(maxsize=64)
def _checked_sha256(path: Path, mtime_ns: int, size: int) -> str:
    """The hash of a file that has not changed since it was last asked for."""
    return sha256_file(path)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (OSError, ValueError) as e:
        raise DamagedStore(f"{path}: cannot be read ({e}); import the source again.") from e
    if not isinstance(value, dict):
        raise DamagedStore(f"{path}: not what Scangate writes; import the source again.")
    return value


def _sweep(root: Path) -> None:
    """Remove what imports that were killed have left behind."""
    for folder in root.glob(f"{_WORK_PREFIX}*"):
        if time.time() - folder.stat().st_mtime > _STALE_S:
            shutil.rmtree(folder, ignore_errors=True)
