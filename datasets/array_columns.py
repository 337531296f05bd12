"""Arrays of a file as columns that are read piece by piece, after their shapes are known to fit."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from datasets.errors import BadArrays
from datasets.limits import Limits

PIECE_BYTES = 8 << 20
"""How much of an array is held at once: enough to be fast, little beside the child's memory."""


@dataclass(frozen=True, kw_only=True)
class ArrayLimits:
    """How much a file of arrays may ask of us; sizes are those after inflating."""

    max_total_bytes: int = 16 << 30
    max_labels_bytes: int = 256 << 20
    max_ratio: int = 200
    ratio_from_bytes: int = 16 << 20
    max_side: int = Limits.max_side
    max_pixels: int = Limits.max_pixels

    def to_json(self) -> dict[str, int]:
        """The limits as JSON, to send to a child process; `ArrayLimits(**json)` brings them back."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Column:
    """One array of a file: its header, and a function that reads it from the first row to the last, again if asked."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    pieces: Callable[[], Iterator[npt.NDArray[np.generic]]]  # Arrays of some rows each, in order.

    @property
    def n_bytes(self) -> int:
        """Bytes of the whole array after inflating."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def rows_a_piece(self) -> int:
        """How many rows make about `PIECE_BYTES`."""
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        return max(1, PIECE_BYTES // max(1, row_bytes))


def check_column(name: str, shape: tuple[int, ...], dtype: np.dtype[np.generic], limits: ArrayLimits) -> None:
    """Refuse an array by its header, before a byte of it is read.

    Raises:
        BadArrays: it holds objects, or would take more than the limits after inflating.
    """
    if dtype.hasobject or dtype.kind not in "uifSUb":
        raise BadArrays(
            f"{name}: type {dtype}, expected whole numbers (labels may be text of fixed length); save it as such"
        )
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > limits.max_total_bytes:
        raise BadArrays(
            f"{name}: shape {shape} takes {n_bytes:,} bytes, at most {limits.max_total_bytes:,} are accepted; "
            "send several files"
        )
