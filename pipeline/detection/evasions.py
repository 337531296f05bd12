"""Attacks on a detector that is still learning, for it to learn from: what it was made to overlook.

A detector that has met only attacks on the classifier is passed at no price by an attacker who knows it (Carlini and
Wagner 2017, arXiv:1705.07263). As in adversarial training (Madry et al. 2018, arXiv:1706.06083) it is attacked after
each epoch as it stands, and shown the scans that fool the classifier in the next ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from datasets.atomic import replacing
from datasets.progress import Progress
from datasets.store import Dataset
from pipeline.attacks.adaptive.joint import JointPGD
from pipeline.attacks.adaptive.run import GateAt, attack_gate
from pipeline.errors import BadDetector


@dataclass(frozen=True)
class Perturbed:
    """What an attack added to a scan.

    Attributes:
        parent: the item of the data set.
        perturbation: (H, W, C) in levels.
        linf: the largest of it, in pixel fractions.
    """

    parent: int
    perturbation: np.ndarray
    linf: float


def evade(
    gate: GateAt,
    dataset: Dataset,
    items: np.ndarray,
    radii: Sequence[float],
    *,
    steps: int,
    seed: int,
    progress: Progress,
) -> tuple[list[Perturbed], float]:
    """Attack a gate on these scans, each at one of the radii in turn, and keep what fools the classifier.

    An attack goes on after it has passed, so that the detector meets the best that so many steps can do. With them
    comes the share of the attacked scans that also pass the gate.
    """
    found: list[Perturbed] = []
    n_done = n_attacked = n_passed = 0
    for radius, some in _alike(dataset, items, radii):
        attack = JointPGD(eps=radius, steps=steps, restarts=1, stop_on_success=False)
        levels = np.stack([dataset.levels(item) for item in some])
        bits = dataset.items[some[0]].bits

        def told(done: int, total: int, message: str, before: int = n_done) -> None:
            progress(before + done, len(items), f"attacking the detector: {message}")

        made = attack_gate(gate, attack, levels, bits, dataset.labels[some], seed=seed, progress=told)
        change = made.levels.astype(np.int32) - levels
        found += [Perturbed(some[i], change[i], float(made.linf[i])) for i in np.flatnonzero(made.wrong)]
        n_done += len(some)
        n_attacked += int(made.attacked.sum())
        n_passed += int(made.success.sum())
    return found, n_passed / max(n_attacked, 1)


def write_evasions(path: Path, evasions: Sequence[Perturbed]) -> None:
    """Write them whole or not at all."""
    arrays: dict[str, Any] = {f"change-{i}": one.perturbation.astype(np.int32) for i, one in enumerate(evasions)}
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file,
            parent=np.array([one.parent for one in evasions], dtype=np.int64),
            linf=np.array([one.linf for one in evasions], dtype=np.float64),
            **arrays,
        )


def read_evasions(path: Path) -> list[Perturbed]:
    """What `write_evasions` wrote.

    Raises:
        BadDetector: the file is gone, or is none of ours.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            return [
                Perturbed(int(parent), held[f"change-{i}"], float(linf))
                for i, (parent, linf) in enumerate(zip(held["parent"], held["linf"], strict=True))
            ]
    except (OSError, ValueError, KeyError, BadZipFile) as e:
        raise BadDetector(f"{path.name} cannot be read ({e}); delete the checkpoint beside it to train anew") from e


def _alike(dataset: Dataset, items: np.ndarray, radii: Sequence[float]) -> Iterator[tuple[float, list[int]]]:
    """The items by radius, shape and depth: what can be attacked together."""

    def kind(pair: tuple[float, int]) -> tuple[float, tuple[int, ...], int]:
        item = dataset.items[pair[1]]
        return pair[0], item.shape, item.bits

    pairs = [(float(radii[k % len(radii)]), int(item)) for k, item in enumerate(items)]
    for (radius, _, _), some in groupby(sorted(pairs, key=kind), key=kind):
        yield radius, [item for _, item in some]
