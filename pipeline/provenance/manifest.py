"""What an artefact consists of: its files, and of a data set every item, under one Merkle root.

Each manifest that an event names is kept beside the history, in a file named by its root, so that what was changed
since can be named and not only noticed.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from datasets.atomic import canonical_json, replacing, sha256_file
from datasets.errors import DamagedStore
from datasets.found import described, level_hashes, level_hashes_jailed
from datasets.progress import Progress, ignore
from datasets.store import LEVELS, MANIFEST, REPORT, Item
from pipeline.provenance.merkle import merkle_root

FILES = {
    "datasets": (LEVELS, MANIFEST, REPORT),
    "models": ("classifier.json", "weights.safetensors"),
    "adversarial": ("manifest.json", "rows.h5"),
    "detectors": ("detector.json", "weights.safetensors"),
    "gates": ("gate.json", "gate.onnx", "overlays.safetensors"),
}
"""The files of each kind of artefact that has a history."""

_COLUMNS = tuple(column.name for column in fields(Item))
_TOLD_EVERY = 1_000


def kept_as(root: str) -> str:
    """The name of the file that keeps the manifest of this root."""
    return f"history-{root[:16]}.manifest"


@dataclass(frozen=True)
class Manifest:
    """What an artefact consists of.

    Attributes:
        files: the SHA-256 of each file that is there, by name.
        classes: of a data set, in the order of its labels.
        items: of a data set, in order; none where they cannot be read.
    """

    files: Mapping[str, str]
    classes: tuple[str, ...] = ()
    items: tuple[Item, ...] = ()

    @cached_property
    def root(self) -> str:
        """The root over files, classes and items, 64 hex digits: any change, also of the order, gives another."""
        return merkle_root(map(canonical_json, self._rows())).hex()

    def write(self, folder: Path) -> None:
        """Keep it in the artefact's folder."""
        with replacing(folder / kept_as(self.root)) as beside:
            beside.write_bytes(b"\n".join(map(canonical_json, self._rows())))

    @classmethod
    def read(cls, folder: Path, root: str) -> "Manifest | None":
        """The manifest of this root from the artefact's folder; None where it is gone or was changed."""
        try:
            lines = (folder / kept_as(root)).read_bytes().split(b"\n")
        except OSError:
            return None
        if merkle_root(lines).hex() != root:  # Each line is a leaf as it was hashed, so that no other text will do.
            return None
        rows: Any = json.loads(b"[" + b",".join(lines) + b"]")
        files = {name: digest for what, name, digest in (row for row in rows if row[0] == "file")}
        classes = next(tuple(row[1:]) for row in rows if row[0] == "classes")
        return cls(files, classes, tuple(_item(row) for row in rows if row[0] == "item"))

    def _rows(self) -> Iterator[Sequence[object]]:
        yield from (["file", name, digest] for name, digest in sorted(self.files.items()))
        yield ["classes", *self.classes]
        yield from (["item", *(getattr(one, name) for name in _COLUMNS)] for one in self.items)


def manifest_of(folder: Path) -> Manifest:
    """The manifest of an artefact as it lies there; of the levels of a data set the file is hashed, and no more.

    Raises:
        DamagedStore: the manifest of a data set cannot be read.
    """
    files = _hashed(folder)
    return Manifest(files, *described(folder)) if folder.parent.name == "datasets" else Manifest(files)


def manifest_found(
    folder: Path, known: Manifest | None, *, strict: bool = False, progress: Progress = ignore
) -> Manifest:
    """The same with every item's levels hashed anew, whatever the data set's own manifest says of them.

    Args:
        folder: of the artefact; what cannot be read of it is left out.
        known: the manifest that it should have; a levels file that is another one is read in a jail.
        strict: whether levels that cannot be read are refused.
        progress: called now and then.

    Raises:
        DamagedStore: only where `strict`.
    """
    files = _hashed(folder)
    if folder.parent.name != "datasets":
        return Manifest(files)
    try:
        classes, items = described(folder)
    except DamagedStore:
        return Manifest(files)
    as_written = known is not None and LEVELS in files and files[LEVELS] == known.files.get(LEVELS)
    hashes = []
    try:
        for hashed in level_hashes(folder) if as_written else level_hashes_jailed(folder):
            hashes.append(hashed)
            if len(hashes) % _TOLD_EVERY == 0:
                progress(len(hashes), max(len(items), len(hashes)), "hashing levels")
    except DamagedStore:
        if strict:
            raise
        return Manifest(files, classes, items)  # That the file is another one is told by its hash.
    hashes += ["no levels"] * (len(items) - len(hashes))
    return Manifest(files, classes, tuple(map(_with_pixels, items, hashes)))


def _item(row: Sequence[Any]) -> Item:
    given = dict(zip(_COLUMNS, row[1:], strict=True))
    return Item(**{**given, "shape": tuple(given["shape"])})


def _with_pixels(item: Item, hashed: str) -> Item:
    return item if item.pixels_sha256 == hashed else replace(item, pixels_sha256=hashed)


def _hashed(folder: Path) -> dict[str, str]:
    there = (name for name in FILES.get(folder.parent.name, ()) if (folder / name).is_file())
    return {name: sha256_file(folder / name) for name in there}
