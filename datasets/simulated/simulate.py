"""A folder of simulated brain MRI, each scan from its own generator."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.atomic import replacing
from datasets.errors import DatasetError
from datasets.image import encode_png
from datasets.progress import Progress, ignore
from datasets.simulated.anatomy import Head, draw_head, random_head
from datasets.simulated.contrast import random_palette
from datasets.simulated.lesions import Lesion, random_glioma, random_meningioma, random_pituitary
from datasets.simulated.pose import random_pose
from datasets.simulated.scanner import acquire
from datasets.simulated.template import load_template

# The names of the public brain tumour set, so that simulated and real scans can share a classifier.
CLASSES = ("glioma", "meningioma", "notumor", "pituitary")
MIN_SIZE, MAX_SIZE = 32, 512

_GROWERS: dict[str, Callable[[np.random.Generator, Head], Lesion]] = {
    "glioma": random_glioma,
    "meningioma": random_meningioma,
    "pituitary": random_pituitary,
}


def simulate(folder: Path, *, n_per_class: int, size: int = 128, seed: int = 0, progress: Progress = ignore) -> None:
    """Write `folder/<class>/<index>.png`, grey 8-bit scans of `size` x `size` pixels.

    A scan depends on seed, class, index and size only: a larger or a resumed run gives the same files. Each file is
    whole or absent; files of the same name are replaced, others stay.

    Raises:
        DatasetError: a count below 1, a size or a seed out of range, or no template.
    """
    if n_per_class < 1:
        raise DatasetError(f"{n_per_class} scans a class, expected at least 1")
    _check(size, seed)
    total = n_per_class * len(CLASSES)
    for done in range(total):
        index, kind = divmod(done, len(CLASSES))
        progress(done, total, "simulating scans")
        levels = simulate_scan(CLASSES[kind], index, size=size, seed=seed)
        with replacing(folder / CLASSES[kind] / f"{index:05d}.png") as file:
            file.write_bytes(encode_png(levels, 8))
    progress(total, total, "simulating scans")


def simulate_scan(
    label: str, index: int, *, size: int = 128, seed: int = 0, with_lesion: bool = True
) -> NDArray[np.uint8]:
    """One scan as 8-bit levels (size, size, 1).

    Args:
        label: One of `CLASSES`.
        index: Number of the scan in its class, from 0.
        size: Pixels a side.
        seed: Seed of the whole set.
        with_lesion: False gives the same head, pose and noise without the lesion.

    Raises:
        DatasetError: an unknown class, a negative index, a size or a seed out of range, or no template.
    """
    if label not in CLASSES:
        raise DatasetError(f"class {label!r}, expected one of {', '.join(CLASSES)}")
    if index < 0:
        raise DatasetError(f"scan {index}, expected a number from 0")
    _check(size, seed)
    # Separate generators: drawing or leaving out the lesion must not change head or noise.
    sequence = np.random.SeedSequence([seed, CLASSES.index(label), index])
    place, person, growth, machine = (np.random.default_rng(child) for child in sequence.spawn(4))
    pose = random_pose(place, size, sellar=label == "pituitary")
    head = random_head(person, load_template(), pose.points, pose.mm)
    palette = random_palette(machine)
    lesion = _GROWERS[label](growth, head) if with_lesion and label in _GROWERS else None
    canvas = draw_head(head, palette, pushed=lesion.push(head.points) if lesion else None)
    if lesion:
        lesion.draw(canvas, head, palette)
    return acquire(machine, canvas)


def _check(size: int, seed: int) -> None:
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DatasetError(f"size {size}, expected {MIN_SIZE} to {MAX_SIZE} pixels a side")
    if seed < 0:
        raise DatasetError(f"seed {seed}, expected a number from 0")
