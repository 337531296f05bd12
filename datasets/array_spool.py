"""The child's side of reading arrays: checks everything, then writes plain .npy files of levels."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from datasets.array_columns import ArrayLimits, Column
from datasets.array_pairs import Layout, Pair, class_names, find_image_pairs, image_layout, read_labels
from datasets.errors import BadArrays

Piece = npt.NDArray[np.generic]


def spool(kind: str, source: str, limits: dict[str, int], labelled: bool = True) -> dict[str, object]:
    """Write "<k>.npy" (N, H, W, C) uint8 or uint16 into the current folder for each pair k, and say what they are.

    Args:
        kind: "npz", "hdf5" or "idx".
        source: the file.
        limits: how much it may ask of us, as `ArrayLimits.to_json` gives it.
        labelled: read the labels; otherwise each is empty.

    Returns:
        "parts": one object a pair with "split", "bits" and "labels" (one text an image); "ignored": names of arrays
        that are neither images nor labels.

    Raises:
        BadArrays: or BadArchive: the file does not hold images and labels that fit.
    """
    allowed = ArrayLimits(**limits)
    with _columns(kind, Path(source), allowed) as columns:
        pairs, ignored = find_image_pairs(columns, labelled=labelled)
        names = class_names(columns, allowed) if labelled else None
        layouts = [image_layout(pair.images, allowed) for pair in pairs]
        _check_total(layouts, allowed)
        parts: list[dict[str, object]] = []
        for k, (pair, layout) in enumerate(zip(pairs, layouts, strict=True)):
            labels = read_labels(pair, names, allowed)
            bits = _write(pair, layout, Path(f"{k}.npy"))
            parts.append({"split": pair.split, "bits": bits, "labels": labels})
    return {"parts": parts, "ignored": ignored}


@contextmanager
def _columns(kind: str, source: Path, limits: ArrayLimits) -> Iterator[dict[str, Column]]:
    """The arrays of a file, by a reader that is imported when it is needed."""
    if kind == "npz":
        from datasets.npz import npz_columns

        with npz_columns(source, limits) as columns:
            yield columns
    elif kind == "hdf5":
        from datasets.hdf5_upload import hdf5_columns

        with hdf5_columns(source, limits) as columns:
            yield columns
    else:
        from datasets.idx import find_pairs, idx_columns

        with idx_columns(find_pairs(source), limits) as columns:
            yield columns


def _check_total(layouts: list[Layout], limits: ArrayLimits) -> None:
    total = sum(2 * one.n_images * one.height * one.width * one.channels for one in layouts)
    if total > limits.max_total_bytes:
        raise BadArrays(f"{total:,} bytes of images, at most {limits.max_total_bytes:,}; send several files")


def _write(pair: Pair, layout: Layout, path: Path) -> int:
    bits = _bits(pair.images)
    dtype = np.uint8 if bits == 8 else np.uint16
    shape = (layout.n_images, layout.height, layout.width, layout.channels)
    n_rows = 0
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pair.images.pieces():
            levels = piece.transpose(0, 2, 3, 1) if layout.channels_first else piece
            file.write(np.ascontiguousarray(levels, dtype=dtype).tobytes())
            n_rows += len(piece)
    if n_rows != layout.n_images:
        raise BadArrays(f"{pair.images.name}: {n_rows:,} images, its header says {layout.n_images:,}; save it again")
    return bits


def _bits(images: Column) -> int:
    """8 or 16: the type where it says so, otherwise what the values need.

    Raises:
        BadArrays: values that are no levels: fractions, negative, not finite, above 65,535.
    """
    if images.dtype in (np.dtype(np.uint8), np.dtype(np.uint16)):
        return images.dtype.itemsize * 8
    lowest, highest, whole = math.inf, -math.inf, True
    for piece in images.pieces():
        numbers = piece.astype(np.float64)
        if not np.isfinite(numbers).all():
            raise BadArrays(f"{images.name}: holds values that are not finite; replace them first")
        lowest, highest = min(lowest, float(numbers.min())), max(highest, float(numbers.max()))
        whole = whole and bool((numbers == np.floor(numbers)).all())
    found = f"{images.name}: {images.dtype} from {lowest:g} to {highest:g}"
    if not whole:
        raise BadArrays(
            f"{found} with fractions, expected levels as stored; if 1.0 is white, save "
            f"np.rint({images.name} * 255).astype(np.uint8)"
        )
    if lowest < 0 or highest > 65_535:
        raise BadArrays(f"{found}, expected levels from 0 to 255 or 65,535; shift or scale them first")
    return 8 if highest <= 255 else 16
