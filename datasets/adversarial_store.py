"""The rows of an adversarial set: what was done to each image, what came of it, and its levels.

Rows are ordered by parent, attack, eps, target and region, whatever the order or the parts in which they were made, so
that a set that was resumed has the same bytes as one that was made in one go.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from datasets.atomic import replacing
from datasets.errors import BadArrays, DamagedStore, UnknownItem
from datasets.ragged import RaggedReader, RaggedWriter, new_levels_file

FORMAT = "scangate-adversarial-rows"
VERSION = 2
# Of files whose rows do not say their region: all their attacks had the whole image.
_BEFORE_REGIONS = 1
STATUSES = ("success", "failed", "unchanged", "clean_wrong")
NO_TARGET = -1
WHOLE_IMAGE, HEAD, NO_HEAD = "image", "head", "no_head"
REGIONS = (WHOLE_IMAGE, HEAD, NO_HEAD)
NUMBERS = {
    "parent": "<i8",
    "label": "<i8",
    "eps": "<f4",
    "target": "<i8",
    "pred_before": "<i8",
    "pred_after": "<i8",
    "confidence_before": "<f4",
    "confidence_after": "<f4",
    "success": "?",
    "linf": "<f4",
    "l2": "<f4",
    "l0": "<f4",
    "steps": "<i8",
}
TEXTS = ("attack", "status", "reason", "region")


class Images(Protocol):
    """Levels (H, W, C) by row: a list, or a file that is read lazily."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


@dataclass(frozen=True, eq=False, kw_only=True)
class AdversarialRows:
    """Columns of equal length, one row an attacked image.

    Attributes:
        parent: number of the clean item in its data set.
        label: the true class.
        attack: registered name, as text.
        eps: radius in pixel fractions; 0 where the attack has none.
        target: the class aimed at, `NO_TARGET` for an untargeted attack.
        pred_before: class of the clean file; `confidence_before` its probability.
        pred_after: class of the attacked file as written; `confidence_after` its probability.
        success: whether the attack reached its goal on the file as written.
        status: one of `STATUSES`.
        reason: why a row is as it is, empty where there is nothing to say.
        linf: largest change, in pixel fractions; `l2` the Euclidean one, `l0` the number of changed levels.
        steps: gradient steps taken.
        region: where pixels were free to change, one of `REGIONS`: the whole image, the head, or the whole image
            since no head was found to keep to. Without it, the whole image.
        bits: depth of the levels.
        images: the attacked levels.
    """

    parent: np.ndarray
    label: np.ndarray
    attack: np.ndarray
    eps: np.ndarray
    target: np.ndarray
    pred_before: np.ndarray
    pred_after: np.ndarray
    confidence_before: np.ndarray
    confidence_after: np.ndarray
    success: np.ndarray
    status: np.ndarray
    reason: np.ndarray
    linf: np.ndarray
    l2: np.ndarray
    l0: np.ndarray
    steps: np.ndarray
    bits: np.ndarray
    images: Images = field(repr=False)
    region: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype="U1"))

    def __post_init__(self) -> None:
        """Refuse columns that do not belong together."""
        n = len(self.images)
        if not len(self.region):
            object.__setattr__(self, "region", np.full(n, WHOLE_IMAGE))
        for name in (*NUMBERS, *TEXTS, "bits"):
            if (shape := getattr(self, name).shape) != (n,):
                raise BadArrays(f"column {name}: shape {shape}, expected ({n},), one value an image.")
        if unknown := sorted(set(self.status.tolist()) - set(STATUSES)):
            raise BadArrays(f"status {unknown[0]!r}, expected one of {', '.join(STATUSES)}.")
        if unknown := sorted(set(self.region.tolist()) - set(REGIONS)):
            raise BadArrays(f"region {unknown[0]!r}, expected one of {', '.join(REGIONS)}.")

    def __len__(self) -> int:
        return len(self.images)

    def levels(self, row: int) -> np.ndarray:
        """The attacked levels of one row, (H, W, C), uint8 or uint16.

        Raises:
            UnknownItem: there is no such row.
        """
        if not 0 <= row < len(self):
            raise UnknownItem(f"there is no row {row}; use 0 to {len(self) - 1}.")
        return self.images[int(row)]


def write_rows(path: Path, rows: AdversarialRows) -> None:
    """Write rows to one file, whole or not at all."""
    _write(path, [rows])


def concatenate(paths: Sequence[Path], out: Path) -> None:
    """Write the rows of several files to one; its bytes do not depend on how the rows were cut.

    Raises:
        DamagedStore: a part is not as it was written.
    """
    _write(out, [read_rows(path) for path in paths])


def read_rows(path: Path) -> AdversarialRows:
    """The rows of a file: columns in memory, levels read on demand.

    Raises:
        DamagedStore: the file is missing, broken, or of another version.
    """
    reader = RaggedReader(path)
    found = reader.column("format").item()
    older = found == f"{FORMAT} {_BEFORE_REGIONS}".encode()
    if not older and found != f"{FORMAT} {VERSION}".encode():
        raise DamagedStore(f"{path}: {found!r}, expected {FORMAT} {VERSION}; build the adversarial set again.")
    numbers = {name: reader.column(f"columns/{name}") for name in NUMBERS}
    stored = [name for name in TEXTS if name != "region" or not older]
    texts = {name: np.char.decode(reader.column(f"columns/{name}"), "utf-8") for name in stored}
    return AdversarialRows(**numbers, **texts, bits=reader.bits(), images=reader)


def _write(path: Path, parts: Sequence[AdversarialRows]) -> None:
    columns = {name: _joined(parts, name) for name in (*NUMBERS, *TEXTS)}
    # lexsort takes the most important key last; it is stable, so equal rows keep the order of the parts.
    order = np.lexsort((columns["region"], columns["target"], columns["eps"], columns["attack"], columns["parent"]))
    with replacing(path) as beside, new_levels_file(beside) as file:
        writer = RaggedWriter(file)
        for levels, bits in _images_in(parts, order):
            writer.append(levels, bits)
        writer.finish()
        file.create_dataset("format", data=np.bytes_(f"{FORMAT} {VERSION}"), track_times=False)
        for name, values in columns.items():
            stored = values[order].astype(NUMBERS[name]) if name in NUMBERS else _as_bytes(values[order])
            file.create_dataset(f"columns/{name}", data=stored, track_times=False)


def _joined(parts: Sequence[AdversarialRows], name: str) -> np.ndarray:
    if parts:
        return np.concatenate([getattr(part, name) for part in parts])
    return np.zeros(0, dtype=NUMBERS.get(name, "U1"))


def _images_in(parts: Sequence[AdversarialRows], order: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    ends = np.cumsum([len(part) for part in parts])
    for row in order.tolist():
        number = int(np.searchsorted(ends, row, side="right"))
        part = parts[number]
        local = row - int(ends[number]) + len(part)
        yield part.levels(local), int(part.bits[local])


def _as_bytes(texts: np.ndarray) -> np.ndarray:
    """Text of fixed length, since text of varying length lies in a heap whose bytes depend on history."""
    encoded = np.char.encode(texts, "utf-8")
    return encoded.astype(f"S{max(encoded.dtype.itemsize, 1)}")
