"""A data set as it is found: what its manifest says and what its levels hash to now, with nothing taken on trust.

`open_dataset` refuses a folder that was changed; this reads on, so that what was changed can be named.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from datasets.atomic import read_json
from datasets.duplicates import pixels_sha256
from datasets.errors import DamagedStore, DatasetError
from datasets.jail import run_jailed
from datasets.ragged import RaggedReader
from datasets.store import LEVELS, MANIFEST, Item, dataset_id


def described(folder: Path) -> tuple[tuple[str, ...], tuple[Item, ...]]:
    """The classes and items that the manifest names; their values are as they are written.

    Raises:
        DamagedStore: the manifest is no manifest any more.
    """
    try:
        manifest = read_json(folder / MANIFEST)
        if not isinstance(manifest, dict):
            raise TypeError("not an object")
        rows = manifest["items"]
        return tuple(manifest["classes"]), tuple(Item(**{**row, "shape": tuple(row["shape"])}) for row in rows)
    except (OSError, ValueError, KeyError, TypeError) as e:
        raise DamagedStore(f"{MANIFEST}: cannot be read any more ({type(e).__name__}: {e})") from e


def id_found(folder: Path, *, levels: bool = True) -> tuple[str, str]:
    """The id that the manifest names, and the one that its pictures, labels and splits make.

    Args:
        folder: of a data set.
        levels: whether the pictures are hashed anew, in a jail, since nothing vouches for the file; else those hashes
            are taken that the manifest says.

    Raises:
        DamagedStore: the manifest or the levels cannot be read.
    """
    classes, items = described(folder)
    try:
        manifest = read_json(folder / MANIFEST)
        said, kind = str(manifest["id"]), str(manifest["source"]["kind"])  # type: ignore[index]
        hashes = level_hashes_jailed(folder) if levels else tuple(item.pixels_sha256 for item in items)
        found = (replace(item, pixels_sha256=one) for item, one in zip(items, hashes, strict=True))
        return said, dataset_id(classes, found, kind)
    except (ValueError, KeyError, TypeError) as e:
        raise DamagedStore(f"{MANIFEST}: does not fit its levels, or lacks a part ({type(e).__name__}: {e})") from e


def level_hashes(folder: Path) -> Iterator[str]:
    """What the levels of every item hash to, in order: its `pixels_sha256`, unless they were changed.

    Raises:
        DamagedStore: the file cannot be read.
    """
    levels = RaggedReader(folder / LEVELS)
    for image, bits in zip(levels.in_order(), levels.bits().tolist(), strict=True):
        yield pixels_sha256(image, bits)


def level_hashes_jailed(folder: Path) -> tuple[str, ...]:
    """The same of a file that is not the one that was written: HDF5 reads it in a child, since it may be hostile.

    Raises:
        DamagedStore: the file cannot be read.
    """
    try:
        found = run_jailed(f"{__name__}:listed", {"folder": str(folder.resolve())})
    except DatasetError as e:
        raise DamagedStore(f"{LEVELS}: cannot be read any more ({e})") from e
    return tuple(str(one) for one in found) if isinstance(found, list) else ()


def listed(folder: str) -> list[str]:
    """`level_hashes` as a list; runs in the jail."""
    return list(level_hashes(Path(folder)))
