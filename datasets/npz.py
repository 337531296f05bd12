"""The arrays of an .npz file, without pickle and without loading any whole."""

import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from datasets.archive import Archive, ArchiveLimits, open_archive, reading
from datasets.array_columns import ArrayLimits, Column, check_column
from datasets.errors import BadArchive, BadArrays

_SUFFIX = ".npy"
_HEADER_ERRORS = (
    ValueError,
    SyntaxError,
    TypeError,
    RecursionError,
    MemoryError,
    EOFError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def is_npz(path: Path) -> bool:
    """Whether a file is a zip of .npy files and of nothing else; nothing is judged about their content yet."""
    try:
        with reading(path.name), zipfile.ZipFile(path) as file:
            names = file.namelist()
    except BadArchive:
        return False
    return bool(names) and all(name.endswith(_SUFFIX) for name in names)


@contextmanager
def npz_columns(path: Path, limits: ArrayLimits) -> Iterator[dict[str, Column]]:
    """The arrays of an .npz by name.

    Raises:
        BadArrays: an array of objects, in Fortran order, broken, or over the limits.
        BadArchive: the file is no zip that can be opened safely.
    """
    guards = ArchiveLimits(
        max_total_bytes=limits.max_total_bytes, max_ratio=limits.max_ratio, ratio_from_bytes=limits.ratio_from_bytes
    )
    with open_archive(path, guards) as archive:
        columns = (_column(archive, member, limits) for member in archive.names() if member.endswith(_SUFFIX))
        yield {column.name: column for column in columns}


def _column(archive: Archive, member: str, limits: ArrayLimits) -> Column:
    name = member.removesuffix(_SUFFIX)
    with archive.stream(member) as stream:
        shape, fortran_order, dtype = _header(name, stream)
        header_bytes = stream.tell()
    check_column(name, shape, dtype, limits)
    if fortran_order and len(shape) > 1:
        raise BadArrays(f"{name}: stored in Fortran order; save np.ascontiguousarray({name})")

    def pieces() -> Iterator[npt.NDArray[np.generic]]:
        with archive.stream(member) as stream:
            _header(name, stream)
            for first in range(0, shape[0], column.rows_a_piece):
                n_rows = min(column.rows_a_piece, shape[0] - first)
                wanted = n_rows * (column.n_bytes // shape[0])
                with reading(member):
                    content = stream.read(wanted)
                if len(content) != wanted:
                    raise BadArrays(f"{name}: ends after {first:,} of {shape[0]:,} rows; save the file again")
                yield np.frombuffer(content, dtype).reshape(n_rows, *shape[1:])

    column = Column(name, shape, dtype, pieces)
    if (stated := archive.size(member)) != header_bytes + column.n_bytes:
        raise BadArrays(
            f"{name}: {stated:,} bytes, its header of shape {shape} asks for {header_bytes + column.n_bytes:,}; "
            "save the file again"
        )
    return column


def _header(name: str, stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    try:
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(stream)
        if version == (2, 0):
            return np.lib.format.read_array_header_2_0(stream)
    # The header is a literal of Python, so that many kinds of nonsense fail in as many ways.
    except _HEADER_ERRORS as error:
        raise BadArrays(f"{name}: not an array that can be read ({str(error)[:120]}); save the file again") from error
    raise BadArrays(f"{name}: .npy format {version}, expected 1.0 or 2.0; save plain arrays of numbers")
