"""Images of any size in one HDF5 file: flat levels, and where each image begins.

Levels of up to 8 bits lie in `levels/uint8`, deeper ones in `levels/uint16`; `offset`, `shape` and `bits` have
one row an image. A chunk is as long as the first image, so that in a set of equal sizes one image is one chunk
and reading it touches nothing else. The same calls give the same bytes: only whole chunks are written, in order,
and no times are kept.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from datasets.errors import DamagedStore, UnknownItem

# HDF5's own overhead grows below, the waste when one small image is read grows above.
MIN_CHUNK, MAX_CHUNK = 4096, 262_144
# Level 1 halves decoded scans; higher levels gain a few per cent for several times the time.
GZIP_LEVEL = 1
# Read at once where all images are read: some are small, and each reading of HDF5 costs a tenth of a millisecond.
_BLOCK = 1 << 22
STREAMS = {"uint8": "<u1", "uint16": "<u2"}


def stream_of(bits: int) -> str:
    """The name of the array that holds images of this depth; also their dtype."""
    return "uint8" if bits <= 8 else "uint16"


def new_levels_file(path: Path) -> h5py.File:
    """An empty HDF5 file whose bytes depend on nothing but what is written to it."""
    return h5py.File(path, "w", libver=("v110", "v110"))


class RaggedWriter:
    """Appends images to an HDF5 file that is open for writing; `finish` writes the index."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._streams: dict[str, _Stream] = {}
        self._offsets: list[int] = []
        self._shapes: list[tuple[int, ...]] = []
        self._bits: list[int] = []

    def __len__(self) -> int:
        return len(self._offsets)

    def append(self, levels: np.ndarray, bits: int) -> int:
        """Store one image (H, W, C) and give its row."""
        name = stream_of(bits)
        if name not in self._streams:
            self._streams[name] = _Stream(self._file, f"levels/{name}", STREAMS[name], levels.size)
        self._offsets.append(self._streams[name].append(levels.reshape(-1)))
        self._shapes.append(levels.shape)
        self._bits.append(bits)
        return len(self) - 1

    def repeat(self, row: int) -> int:
        """Give the image of `row` a second row; its pixels are stored once."""
        self._offsets.append(self._offsets[row])
        self._shapes.append(self._shapes[row])
        self._bits.append(self._bits[row])
        return len(self) - 1

    def finish(self) -> None:
        """Write what is still buffered, and the index."""
        for stream in self._streams.values():
            stream.finish()
        n = len(self)
        for name, values, shape in (
            ("offset", np.array(self._offsets, dtype="<i8"), (n,)),
            ("shape", np.array(self._shapes, dtype="<i4"), (n, 3)),
            ("bits", np.array(self._bits, dtype="<u1"), (n,)),
        ):
            self._file.create_dataset(name, data=values.reshape(shape), track_times=False)


class RaggedReader:
    """Reads single images of a finished file, lazily: it may cross a fork or be pickled to another process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened: _Opened | None = None

    def __len__(self) -> int:
        return len(self._file().offset)

    def __getitem__(self, row: int) -> np.ndarray:
        """The levels of one image (H, W, C), uint8 or uint16.

        Raises:
            UnknownItem: there is no such row.
            DamagedStore: the file cannot be read there.
        """
        opened = self._file()
        if not 0 <= row < len(opened.offset):
            raise UnknownItem(f"{self._path.name}: there is no image {row}; use 0 to {len(opened.offset) - 1}.")
        start, shape = int(opened.offset[row]), tuple(int(n) for n in opened.shape[row])
        return self._shaped(row, self._flat(row, stream_of(int(opened.bits[row])), start, math.prod(shape)), shape)

    def in_order(self) -> Iterator[np.ndarray]:
        """The levels of every image (H, W, C), from the first to the last, read in blocks of some megabytes.

        Raises:
            DamagedStore: the file cannot be read there.
        """
        opened = self._file()
        blocks = {name: (0, np.empty(0, dtype)) for name, dtype in STREAMS.items()}
        index = zip(opened.offset.tolist(), map(tuple, opened.shape.tolist()), opened.bits.tolist(), strict=True)
        for row, (offset, shape, bits) in enumerate(index):
            name, size = stream_of(bits), math.prod(shape)
            start, block = blocks[name]
            if offset < start:  # The pixels of an earlier image once more: the block shall stay where it is.
                yield self[row]
                continue
            if offset + size > start + len(block):
                start, block = offset, self._flat(row, name, offset, max(size, _BLOCK))
                blocks[name] = start, block
            yield self._shaped(row, block[offset - start :][:size], shape)

    def __getstate__(self) -> dict[str, object]:
        return {"_path": self._path, "_opened": None}

    def bits(self) -> np.ndarray:
        """The depth of every image, (n,) uint8."""
        return self._file().bits

    def column(self, name: str) -> np.ndarray:
        """One whole array that lies beside the images.

        Raises:
            DamagedStore: the file has no such array.
        """
        try:
            return np.asarray(self._file().file[name][()])
        except (KeyError, OSError) as e:
            raise _damaged(self._path, f"the array {name} cannot be read") from e

    def _shaped(self, row: int, flat: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The levels of an image; an index that was changed may point where there are fewer."""
        if flat.size != math.prod(shape):
            raise _damaged(self._path, f"image {row} has {flat.size} levels, its shape is {shape}")
        return flat.reshape(shape)

    def _flat(self, row: int, stream: str, start: int, size: int) -> np.ndarray:
        try:
            return np.asarray(self._file().streams[stream][start : start + size])
        except OSError as e:
            raise _damaged(self._path, f"image {row} cannot be read ({e})") from e

    def _file(self) -> "_Opened":
        # HDF5 keeps state in the process that opened the file: a forked child opens its own.
        if self._opened is None or self._opened.pid != os.getpid():
            self._opened = _Opened(self._path)
        return self._opened


class _Stream:
    """One growing flat array, written a whole chunk at a time."""

    def __init__(self, file: h5py.File, name: str, dtype: str, first_size: int) -> None:
        self._chunk = min(max(first_size, MIN_CHUNK), MAX_CHUNK)
        self._array = file.create_dataset(
            name,
            shape=(0,),
            maxshape=(None,),
            dtype=dtype,
            chunks=(self._chunk,),
            compression="gzip",
            compression_opts=GZIP_LEVEL,
            track_times=False,
        )
        self._buffer: list[np.ndarray] = []
        self._n_buffered = 0
        self._n = 0

    def append(self, flat: np.ndarray) -> int:
        start = self._n
        # A copy: the caller may reuse its array before the buffer is written.
        self._buffer.append(flat.astype(self._array.dtype, casting="same_kind", copy=True))
        self._n += flat.size
        self._n_buffered += flat.size
        if self._n_buffered >= self._chunk:
            self._write(self._n_buffered - self._n_buffered % self._chunk)
        return start

    def finish(self) -> None:
        if self._n_buffered:
            self._write(self._n_buffered)

    def _write(self, count: int) -> None:
        joined = np.concatenate(self._buffer)
        start = self._n - self._n_buffered
        self._array.resize((start + count,))
        self._array[start : start + count] = joined[:count]
        rest = joined[count:]
        self._buffer = [rest] if rest.size else []
        self._n_buffered = rest.size


class _Opened:
    """An open file with its index in memory."""

    def __init__(self, path: Path) -> None:
        self.pid = os.getpid()
        try:
            # No file lock: finished files never change, and shared folders often cannot lock.
            self.file = h5py.File(path, "r", locking=False)
            self.offset: np.ndarray = self.file["offset"][()]
            self.shape: np.ndarray = self.file["shape"][()]
            self.bits: np.ndarray = self.file["bits"][()]
            levels = self.file.get("levels", {})
            self.streams = {name: levels[name] for name in STREAMS if name in levels}
        except (OSError, KeyError) as e:
            raise _damaged(path, "it is not a whole file of images") from e


def _damaged(path: Path, reason: str) -> DamagedStore:
    return DamagedStore(f"{path}: {reason}; bring it back from a backup, or make it again from its source.")
