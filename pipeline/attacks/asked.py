"""Refusals of what `attack_levels` is asked for, before any work is done."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from datasets.image import check_levels
from pipeline.attacks.budget import check_count, check_precision
from pipeline.attacks.written import FileForm
from pipeline.errors import BadAttack

LEAST_LIKELY: Final = "least_likely"
_MAX_BATCH = 1_000_000


def check_asked(
    levels: np.ndarray,
    bits: int,
    form: FileForm,
    n_classes: int,
    precision: str,
    batch_size: int,
    y: np.ndarray,
    target: np.ndarray | str | None,
    eps: np.ndarray | None,
    mask: np.ndarray | None,
    hashes: Sequence[str] | None,
) -> None:
    """Refuse what does not fit or could not be written.

    Raises:
        BadAttack: lengths, shapes or values do not fit each other.
        BadImage: levels that are no image, or that such a file cannot hold.
    """
    if levels.ndim != 4 or not len(levels):
        raise BadAttack(f"levels of shape {levels.shape}; give (N, H, W, C) with N at least 1")
    check_precision(precision)
    check_count("batch_size", batch_size, _MAX_BATCH)
    check_levels(levels[0], bits)
    form.check(levels.shape[3], bits)
    _check_mask(mask, levels)
    for name, column in (("y", y), ("target", target), ("eps", eps), ("pixels_sha256", hashes)):
        if column is not None and not isinstance(column, str) and len(column) != len(levels):
            raise BadAttack(f"{name}: {len(column)} values for {len(levels)} images; give one an image")
    _check_classes("y", y, n_classes)
    if isinstance(target, np.ndarray):
        _check_classes("target", target, n_classes)
    elif target is not None and target != LEAST_LIKELY:
        raise BadAttack(f"target {target!r}; give a class an image, or {LEAST_LIKELY!r}")


def _check_classes(name: str, classes: np.ndarray, n_classes: int) -> None:
    whole = np.issubdtype(classes.dtype, np.integer)
    if not whole or bool(((classes < 0) | (classes >= n_classes)).any()):
        raise BadAttack(f"{name} of type {classes.dtype}; give whole numbers within [0, {n_classes - 1}]")


def _check_mask(mask: np.ndarray | None, levels: np.ndarray) -> None:
    n, height, width = levels.shape[:3]
    if mask is not None and mask.shape not in ((height, width), (n, height, width)):
        raise BadAttack(f"mask of shape {mask.shape}; give {(height, width)} or {(n, height, width)}")
