"""The arrays of an HDF5 file that a stranger sent: only what lies in the file itself, piece by piece."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from datasets.array_columns import ArrayLimits, Column, check_column
from datasets.errors import BadArrays

_MAX_DEPTH = 3
_MAX_OBJECTS = 1000
_MAX_CHUNK_BYTES = 256 << 20
# By their numbers in the file: gzip, shuffle, checksum and h5py's own LZF. Any other would be loaded as a library.
_FILTERS = (h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_LZF)
_HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError)


@contextmanager
def hdf5_columns(path: Path, limits: ArrayLimits) -> Iterator[dict[str, Column]]:
    """The arrays of an HDF5 file by name, with "/" between a group and its array.

    Raises:
        BadArrays: links out of the file, objects, text of varying length, unknown filters, broken, or over the limits.
    """
    try:
        file = h5py.File(path, "r")
    except _HDF5_ERRORS as error:
        raise BadArrays(
            f"{path.name}: not an HDF5 file that can be read ({str(error)[:120]}); save it again"
        ) from error
    with file:
        columns = {}
        for name, dataset in _datasets(file, "", 0):
            columns[name] = _column(name, dataset, limits)
            if len(columns) > _MAX_OBJECTS:
                raise BadArrays(f"more than {_MAX_OBJECTS} arrays; keep images and labels in one array each")
        yield columns


def _datasets(group: h5py.Group, prefix: str, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
    for key in group:
        name = f"{prefix}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise BadArrays(f"{name}: a link to another place; store the array itself in the file")
        try:
            member = group[key]
        except _HDF5_ERRORS as error:
            raise BadArrays(f"{name}: cannot be read ({str(error)[:120]}); save the file again") from error
        if isinstance(member, h5py.Dataset):
            yield name, member
        elif isinstance(member, h5py.Group) and depth < _MAX_DEPTH:
            yield from _datasets(member, f"{name}/", depth + 1)


def _column(name: str, dataset: h5py.Dataset, limits: ArrayLimits) -> Column:
    try:
        shape, dtype = dataset.shape, dataset.dtype
        elsewhere = dataset.is_virtual or bool(dataset.external)
        creation = dataset.id.get_create_plist()
        filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
        chunk_bytes = int(np.prod(dataset.chunks or (0,), dtype=object)) * dtype.itemsize
        stored = dataset.id.get_storage_size()
    except _HDF5_ERRORS as error:
        raise BadArrays(f"{name}: cannot be read ({str(error)[:120]}); save the file again") from error
    if elsewhere:
        raise BadArrays(f"{name}: its values lie in another file; store the array itself in the file")
    if shape is None:
        raise BadArrays(f"{name}: empty; save an array of images or labels")
    check_column(name, shape, dtype, limits)
    if unknown := [number for number in filters if number not in _FILTERS]:
        raise BadArrays(f"{name}: compressed with filter {unknown[0]}; save it with gzip or without compression")
    if chunk_bytes > _MAX_CHUNK_BYTES:
        raise BadArrays(f"{name}: chunks of {chunk_bytes:,} bytes, at most {_MAX_CHUNK_BYTES:,}; save smaller chunks")

    def pieces() -> Iterator[npt.NDArray[np.generic]]:
        for first in range(0, shape[0], column.rows_a_piece):
            try:
                rows = dataset[first : first + column.rows_a_piece]
            except _HDF5_ERRORS as error:
                raise BadArrays(f"{name}: cannot be read ({str(error)[:120]}); save the file again") from error
            yield np.asarray(rows)

    column = Column(name, shape, dtype, pieces)
    if column.n_bytes >= limits.ratio_from_bytes and column.n_bytes > limits.max_ratio * stored:
        raise BadArrays(
            f"{name}: {stored:,} bytes would inflate to {column.n_bytes:,}, more than {limits.max_ratio} to 1; "
            "save images that hold something"
        )
    return column
