"""An adversarial set as a folder: rows in HDF5, all else in JSON; reading it loads no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from datasets.adversarial_store import AdversarialRows, read_rows
from datasets.atomic import read_json, sha256_file
from datasets.errors import DamagedStore
from pipeline.adversarial.recipe import Recipe
from pipeline.provenance.record import checked

ROWS_FILE = "rows.h5"
MANIFEST_FILE = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class AdversarialSet:
    """An adversarial set on disk.

    `counts` has one entry a split and cell: split, attack, eps, region, n, attacked, success, failed, unchanged and
    clean_wrong. `fitted` has one entry a cell whose perturbation was fitted for this set: the attack with it, on how
    many images of which split and shape, and how many of them it fools. `device` is the kind of device that attacked.
    """

    id: str
    name: str
    folder: Path
    dataset_id: str
    classifier_id: str
    recipe: Recipe
    n: int
    counts: Sequence[Mapping[str, object]]
    rows_sha256: str
    versions: Mapping[str, str]
    fitted: Sequence[Mapping[str, object]] = ()
    device: str = "cpu"

    def rows(self) -> AdversarialRows:
        """The rows; their levels are read on demand."""
        return read_rows(self.folder / ROWS_FILE)


def open_adversarial(folder: Path) -> AdversarialSet:
    """The adversarial set of a folder, after its rows were checked against the manifest.

    Raises:
        DamagedStore: a file is missing or differs, or another version of Scangate wrote it.
        BrokenHistory: its history is not whole, or it is not what its history says.
    """
    path = folder / ROWS_FILE
    try:
        manifest = read_json(folder / MANIFEST_FILE)
        stat = path.stat()
        found = _checked_sha256(path, stat.st_mtime_ns, stat.st_size)
    except (OSError, ValueError) as e:
        raise DamagedStore(f"{folder}: not a whole adversarial set ({e}); build it again") from e
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DamagedStore(f"{folder}: {MANIFEST_FILE} is not of format {FORMAT}; build the set again")
    if found != manifest.get("rows_sha256"):
        raise DamagedStore(f"{path}: sha256 {found[:16]}… is not the one in the manifest; build the set again")
    checked(folder)
    return AdversarialSet(
        id=manifest["id"],
        name=manifest["name"],
        folder=folder,
        dataset_id=manifest["dataset_id"],
        classifier_id=manifest["classifier_id"],
        recipe=Recipe.from_json(manifest["recipe"]),
        n=manifest["n"],
        counts=manifest["counts"],
        rows_sha256=found,
        versions=manifest["versions"],
        fitted=manifest.get("fitted", ()),
        device=manifest.get("device", "cpu"),  # Before it was written there, every command attacked on the CPU.
    )


@lru_cache(maxsize=64)
def _checked_sha256(path: Path, mtime_ns: int, size: int) -> str:
    """The hash of a file that has not changed since it was last asked for."""
    return sha256_file(path)
