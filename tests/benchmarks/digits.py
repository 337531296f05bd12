"""Noise as digits, and a small plan for it."""

import gzip
import struct
from pathlib import Path

import numpy as np

from benchmarks.strip_overlays import Plan

N_DIGITS = 700
SMALL = Plan(
    places={"corner": (1, 1)},
    shares=(0.05,),
    seeds=(0, 1),
    overlays=(2, 4),
    by_parts=(),
    rate=0.05,
    n_train=300,
    n_calibrating=200,
    n_triggered=60,
    n_clean=100,
    epochs=1,
)


def noise_digits(folder: Path) -> Path:
    """The images of a pair of IDX files, packed; the labels lie beside them."""
    rng = np.random.default_rng(0)
    levels, classes = rng.integers(0, 255, (N_DIGITS, 28, 28), np.uint8), rng.integers(0, 10, N_DIGITS, np.uint8)
    for name, content in (("images", levels), ("labels", classes)):
        header = struct.pack(f">BBBB{content.ndim}I", 0, 0, 8, content.ndim, *content.shape)
        file = folder / f"t-{name}-idx{content.ndim}-ubyte.gz"
        file.write_bytes(gzip.compress(header + content.tobytes()))
    return folder / "t-images-idx3-ubyte.gz"
