"""Which array of a file holds images and which their labels, and what both must look like."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from datasets.array_columns import ArrayLimits, Column
from datasets.errors import BadArrays, BadImage
from datasets.limits import Limits
from datasets.raster import check_size
from datasets.unlabelled import WAY_OUT

_ROLES = {
    **dict.fromkeys(("images", "image", "x", "data"), "images"),
    **dict.fromkeys(("labels", "label", "y", "targets"), "labels"),
}
_SPLITS = {"train": "train", "test": "test", "val": "val", "valid": "val"}
_CLASSES = ("classes", "class_names")
_WORDS = re.compile(r"[/_-]")
_EXPECTED = "expected images (or x, data) with labels (or y), each also with train_ and test_ before it"
_MAX_CLASSES = 10_000


@dataclass(frozen=True, eq=False)
class Pair:
    """Images and their labels, None where nobody asks for them; `split` is "train", "test", or None: ours to choose."""

    split: str | None
    images: Column
    labels: Column | None


@dataclass(frozen=True)
class Layout:
    """Where height, width and channels of an image lie in an array."""

    n_images: int
    height: int
    width: int
    channels: int
    channels_first: bool


def find_image_pairs(columns: Mapping[str, Column], *, labelled: bool = True) -> tuple[list[Pair], list[str]]:
    """Pairs of images and labels, or images alone, and the names of the arrays that are neither images nor labels.

    Raises:
        BadArrays: no pair, half a pair, or two arrays for the same part of one.
    """
    parts: dict[str | None, dict[str, Column]] = {}
    others = []
    for name, column in columns.items():
        role, split = _meaning(name)
        if role is None:
            others.append(name)
            continue
        if role in parts.setdefault(split, {}):
            raise BadArrays(f"{parts[split][role].name} and {name} both look like {role}; leave one of them out")
        parts[split][role] = column
    if not parts:
        raise BadArrays(f"arrays {_some(columns)}; {_EXPECTED}")
    for part in parts.values():
        beside = _some(column.name for column in part.values())
        if "images" not in part:
            raise BadArrays(f"no images beside {beside}; {_EXPECTED}")
        if labelled and "labels" not in part:
            raise BadArrays(f"no labels beside {beside}; {_EXPECTED}; {WAY_OUT}")
    # A validation part is ours to divide again, as the rest of what is not for the test.
    pairs = [
        Pair(None if split == "val" else split, part["images"], part["labels"] if labelled else None)
        for split, part in parts.items()
    ]
    return pairs, [name for name in others if name not in _CLASSES]


def class_names(columns: Mapping[str, Column], limits: ArrayLimits) -> list[str] | None:
    """The names of the classes where the file gives them as text of fixed length.

    Raises:
        BadArrays: there are names, but not one for each class.
    """
    column = next((columns[name] for name in _CLASSES if name in columns), None)
    if column is None:
        return None
    if len(column.shape) != 1 or column.shape[0] > _MAX_CLASSES or column.dtype.kind not in "SU":
        raise BadArrays(f"{column.name}: {column.dtype} of shape {column.shape}, expected one line of names")
    names = [_text(value) for value in _whole(column, limits)]
    if len(set(names)) < len(names):
        raise BadArrays(f"{column.name}: the same name twice; give each class its own")
    return names


def image_layout(column: Column, limits: ArrayLimits) -> Layout:
    """How an array holds images.

    Raises:
        BadArrays: not (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W), no images, or images over the limits.
    """
    shape = column.shape
    if column.dtype.kind not in "uif":
        raise BadArrays(f"{column.name}: images of type {column.dtype}, expected uint8 or uint16; convert them")
    if len(shape) == 3:
        layout = Layout(shape[0], shape[1], shape[2], 1, channels_first=False)
    elif len(shape) == 4 and shape[3] in (1, 3):
        layout = Layout(*shape, channels_first=False)
    elif len(shape) == 4 and shape[1] in (1, 3):
        layout = Layout(shape[0], shape[2], shape[3], shape[1], channels_first=True)
    else:
        raise BadArrays(f"{column.name}: shape {shape}, expected (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W)")
    if not layout.n_images:
        raise BadArrays(f"{column.name}: no images (shape {shape})")
    try:
        check_size(layout.width, layout.height, Limits(max_side=limits.max_side, max_pixels=limits.max_pixels))
    except BadImage as error:
        raise BadArrays(f"{column.name}: {error}") from error
    return layout


def read_labels(pair: Pair, names: list[str] | None, limits: ArrayLimits) -> list[str]:
    """The class of each image, as text; empty where the pair has no labels.

    Raises:
        BadArrays: another number of labels than of images, or labels that are neither whole numbers from 0 on nor text.
    """
    column, n_images = pair.labels, pair.images.shape[0]
    if column is None:
        return [""] * n_images
    if column.shape not in ((n_images,), (n_images, 1)):
        raise BadArrays(
            f"{column.name}: shape {column.shape} beside {n_images:,} images, expected ({n_images},): one class "
            "number an image; of one-hot rows take the argmax"
        )
    values = _whole(column, limits).reshape(-1)
    if column.dtype.kind in "SU":
        return [_text(value) for value in values]
    if column.dtype.kind not in "uif" or not _are_classes(values):
        raise BadArrays(
            f"{column.name}: labels of type {column.dtype}, expected whole numbers from 0 to {_MAX_CLASSES:,}"
        )
    numbers = [int(value) for value in values.tolist()]
    if names is None:
        return [str(number) for number in numbers]
    if max(numbers) >= len(names):
        raise BadArrays(f"{column.name}: class {max(numbers)}, but only {len(names)} names; name every class")
    return [names[number] for number in numbers]


def _are_classes(values: npt.NDArray[np.generic]) -> bool:
    numbers = values.astype(np.float64)
    inside = np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= _MAX_CLASSES
    return bool(inside and (numbers == np.floor(numbers)).all())


def _meaning(name: str) -> tuple[str | None, str | None]:
    """The role and the split that the words of a name tell; no role where a word tells neither."""
    words = _WORDS.split(name.lower())
    roles = [_ROLES[word] for word in words if word in _ROLES]
    splits = [_SPLITS[word] for word in words if word in _SPLITS]
    if len(roles) != 1 or len(splits) > 1 or len(roles) + len(splits) != len(words):
        return None, None
    return roles[0], splits[0] if splits else None


def _whole(column: Column, limits: ArrayLimits) -> npt.NDArray[np.generic]:
    if column.n_bytes > limits.max_labels_bytes:
        raise BadArrays(f"{column.name}: {column.n_bytes:,} bytes of labels, at most {limits.max_labels_bytes:,}")
    return np.concatenate(list(column.pieces()))


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _some(names: Iterable[str]) -> str:
    shown = sorted(names)
    return (", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "")) or "(none)"
