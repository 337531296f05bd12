"""Images and labels from .npz, HDF5 and IDX files."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.array_columns import ArrayLimits
from datasets.errors import BadArrays, JailFailure, LimitReached
from datasets.idx import find_pairs
from datasets.image import Levels, grey_when_equal
from datasets.jail import JailLimits, run_jailed
from datasets.npz import is_npz
from datasets.telling import telling

__all__ = ["ArrayImage", "ArrayImages", "ArrayLimits", "arrays_kind", "open_arrays"]

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_MINUTE_S = 60


@dataclass(frozen=True, eq=False)
class ArrayImage:
    """One image of an array.

    `name` is made of the split and the row; `label` is the name of the class, or its number as text; `split` is
    "train", "test" or None, which leaves the division to us.
    """

    name: str
    label: str
    split: str | None
    levels: Levels  # (H, W, C), C is 1 or 3.
    bits: int


@dataclass(frozen=True, eq=False)
class _Part:
    split: str | None
    bits: int
    labels: list[str]
    levels: Levels  # (N, H, W, C), mapped from a file.


class ArrayImages:
    """The images of a file of arrays, all checked."""

    def __init__(self, kind: str, parts: list[_Part], ignored: tuple[str, ...]) -> None:
        self.kind = kind
        self.ignored = ignored  # Arrays that are neither images nor labels.
        self._parts = parts

    def __len__(self) -> int:
        """How many images there are."""
        return sum(len(part.labels) for part in self._parts)

    def __iter__(self) -> Iterator[ArrayImage]:
        """The images in the order of the file."""
        for k, part in enumerate(self._parts):
            before = part.split or (f"part{k}" if len(self._parts) > 1 else "images")
            for row, label in enumerate(part.labels):
                levels = grey_when_equal(np.array(part.levels[row]))
                yield ArrayImage(f"{before}/{row:06d}", label, part.split, levels, part.bits)


def arrays_kind(path: Path) -> str | None:
    """What kind of arrays a file or folder holds: "npz", "hdf5", "idx", or None where it holds none."""
    if path.is_file():
        with path.open("rb") as file:
            if file.read(len(_HDF5_MAGIC)) == _HDF5_MAGIC:
                return "hdf5"
        if is_npz(path):
            return "npz"
    return "idx" if find_pairs(path) else None


@contextmanager
def open_arrays(
    path: Path, *, limits: ArrayLimits | None = None, workdir: Path | None = None, labelled: bool = True
) -> Iterator[ArrayImages]:
    """The images of an .npz, an HDF5 file, or IDX files, read in a child process and checked as a whole.

    Arrays are found by name: `images`, `x` or `data` with `labels` or `y`, each also with `train` and `test` before or
    behind; `classes` may name the classes. Whole numbers become levels; fractions are refused.

    Args:
        path: the file; for IDX also the folder of the files or either of a pair.
        limits: how much the file may ask of us.
        workdir: where the levels are kept while the block lasts, up to `limits.max_total_bytes` of them.
        labelled: read the labels; otherwise there need be none, and every label given is empty.

    Raises:
        BadArrays: with the array, what was found, and what to do.
        BadArchive: the .npz is no zip that can be opened safely.
    """
    allowed = limits or ArrayLimits()
    kind = arrays_kind(path)
    if kind is None:
        raise BadArrays(f"{path.name}: neither .npz nor HDF5 nor a pair of IDX files; save the arrays as .npz")
    jail = JailLimits(cpu_s=30 * _MINUTE_S, wall_s=30.0 * _MINUTE_S, file_bytes=allowed.max_total_bytes + (1 << 20))
    with tempfile.TemporaryDirectory(prefix="scangate-arrays-", dir=workdir) as folder:
        args = {"kind": kind, "source": str(path.resolve()), "limits": allowed.to_json(), "labelled": labelled}
        try:
            with telling(path.name):
                told = run_jailed("datasets.array_spool:spool", args, workdir=Path(folder), limits=jail)
        except JailFailure as error:
            way_out = "send several smaller files" if isinstance(error, LimitReached) else "save it again"
            raise BadArrays(f"{path.name}: reading it failed: {error}; {way_out}") from error
        yield _images(kind, Path(folder), told)


def _images(kind: str, folder: Path, told: object) -> ArrayImages:
    """What the child wrote, held against what it told: a child that was taken over may say anything."""
    if not isinstance(told, dict):
        raise BadArrays("reading the arrays gave nonsense; save the file again")
    parts = []
    for k, part in enumerate(told["parts"]):
        levels = np.load(folder / f"{k}.npy", mmap_mode="r", allow_pickle=False)
        labels = [str(label) for label in part["labels"]]
        bits = 8 if levels.dtype == np.uint8 else 16
        if levels.ndim != 4 or len(labels) != len(levels) or bits != part["bits"]:
            raise BadArrays("reading the arrays gave nonsense; save the file again")
        parts.append(_Part(part["split"], bits, labels, levels))
    return ArrayImages(kind, parts, tuple(str(name) for name in told["ignored"]))
