"""IDX files as MNIST has them: images and labels in two files, packed with gzip or not."""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.array_columns import ArrayLimits, Column, check_column
from datasets.errors import BadArrays

_NAME = re.compile(r"^(?P<before>.*?)(?P<role>images|labels)[.-]idx(?P<dims>[13])[.-]ubyte(?P<packed>\.gz)?$")
_GZIP_MAGIC = b"\x1f\x8b"
_UNSIGNED_BYTE = 0x08
_READ_ERRORS = (OSError, EOFError, zlib.error)


@dataclass(frozen=True)
class IdxPair:
    """Two files that belong together; `split` is "train" or "test" where both are there, None for a single pair."""

    images: Path
    labels: Path
    split: str | None


def find_pairs(path: Path) -> list[IdxPair]:
    """The pairs of a folder, or the pair that a file belongs to, by MNIST's names; empty where there is none."""
    folder, wanted = (path, None) if path.is_dir() else (path.parent, _NAME.match(path.name))
    if not folder.is_dir() or (folder is not path and wanted is None):
        return []
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        match = _NAME.match(file.name)
        if match and file.is_file() and (wanted is None or match["before"] == wanted["before"]):
            found.setdefault(match["before"].strip("-_."), {}).setdefault(match["role"], file)
    whole = {before: files for before, files in found.items() if len(files) == 2}
    return [
        IdxPair(files["images"], files["labels"], _split(before) if len(whole) > 1 else None)
        for before, files in whole.items()
    ]


@contextmanager
def idx_columns(pairs: list[IdxPair], limits: ArrayLimits) -> Iterator[dict[str, Column]]:
    """The arrays of the pairs, named as in an .npz: "train_images", "train_labels", ...

    Raises:
        BadArrays: not an IDX file of unsigned bytes, shorter or longer than its header says, or over the limits.
    """
    columns = {}
    for pair in pairs:
        before = f"{pair.split}_" if pair.split else ""
        columns[f"{before}images"] = _column(f"{before}images", pair.images, 3, limits)
        columns[f"{before}labels"] = _column(f"{before}labels", pair.labels, 1, limits)
    yield columns


def _split(before: str) -> str | None:
    return {"train": "train", "t10k": "test", "test": "test"}.get(before.lower())


def _column(name: str, path: Path, n_dims: int, limits: ArrayLimits) -> Column:
    with _open(path) as file:
        shape = _header(path, file, n_dims)
    dtype: np.dtype[np.generic] = np.dtype(np.uint8)
    check_column(path.name, shape, dtype, limits)

    def pieces() -> Iterator[npt.NDArray[np.generic]]:
        row_bytes = math.prod(shape[1:])
        with _open(path) as file:
            _header(path, file, n_dims)
            for first in range(0, shape[0], column.rows_a_piece):
                n_rows = min(column.rows_a_piece, shape[0] - first)
                content = _read(path, file, n_rows * row_bytes)
                if len(content) != n_rows * row_bytes:
                    raise BadArrays(f"{path.name}: ends before the {shape[0]:,} rows of its header; fetch it again")
                yield np.frombuffer(content, np.uint8).reshape(n_rows, *shape[1:])
            # One byte more is enough to know; a bomb behind the last row is never inflated.
            if _read(path, file, 1):
                raise BadArrays(f"{path.name}: goes on after the {shape[0]:,} rows of its header; fetch it again")

    column = Column(name, shape, dtype, pieces)
    return column


def _header(path: Path, file: gzip.GzipFile | BufferedReader, n_dims: int) -> tuple[int, ...]:
    head = _read(path, file, 4 + 4 * n_dims)
    if len(head) < 4 + 4 * n_dims or head[:2] != b"\x00\x00":
        raise BadArrays(f"{path.name}: not an IDX file; fetch it again")
    kind, found_dims = head[2], head[3]
    if kind != _UNSIGNED_BYTE or found_dims != n_dims:
        raise BadArrays(
            f"{path.name}: IDX of type 0x{kind:02x} with {found_dims} dimensions, expected unsigned bytes (0x08) with "
            f"{n_dims}"
        )
    return struct.unpack(f">{n_dims}I", head[4:])


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP_MAGIC
    return gzip.open(path, "rb") if packed else path.open("rb")


def _read(path: Path, file: gzip.GzipFile | BufferedReader, n_bytes: int) -> bytes:
    try:
        return file.read(n_bytes)
    except _READ_ERRORS as error:
        raise BadArrays(f"{path.name}: cannot be read ({error}); fetch it again") from error
