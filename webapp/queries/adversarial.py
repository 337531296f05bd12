"""What pages show of an adversarial set: counts a cell and pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.adversarial_store import AdversarialRows, read_rows
from datasets.atomic import read_json
from datasets.store import Dataset
from pipeline.attacks.budget import FP32
from pipeline.attacks.radii import radius_words
from pipeline.pictures import amplification, difference_png, shown_png
from webapp.context import context
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import Page
from webapp.records.artefacts import Artefact, ArtefactKind

SIDES = ("clean", "attacked", "difference")
_GALLERY = 8
_LEVELS = 255


@dataclass(frozen=True)
class Shown:
    """One attacked image in the gallery."""

    index: int
    attack: str
    eps: str
    before: str
    after: str
    times: int  # Amplification of the difference.


@dataclass(frozen=True)
class AdversarialView:
    """An adversarial set as its page shows it.

    `precisions` has the attacks of each precision of gradients; empty where all were in the usual one, or none is told.
    """

    targeted: bool
    precisions: dict[str, list[str]]
    counts: list[dict[str, Any]]
    gallery: Page[Shown]


def adversarial_view(row: Artefact, *, number: int) -> AdversarialView:
    """Counts of every cell, and one page of the attacks that succeeded."""
    rows, dataset = _rows(row), _dataset(row)
    succeeded = np.flatnonzero(rows.success)
    # Neighbours in the file are the same image under different attacks: a fixed shuffle shows a mixture.
    mixed = np.random.default_rng(0).permutation(succeeded)
    chosen = mixed[(number - 1) * _GALLERY : number * _GALLERY]
    shown = [_shown(rows, dataset, int(index)) for index in chosen]
    manifest: Any = read_json(context().path(row.folder) / "manifest.json")
    gallery = Page(shown, number, len(succeeded), _GALLERY)
    return AdversarialView(manifest["recipe"]["targeted"], _precisions(manifest), manifest["counts"], gallery)


def picture(row: Artefact, index: int, side: str) -> bytes:
    """One row as a PNG: the clean image, the attacked one, or their amplified difference."""
    rows, dataset = _rows(row), _dataset(row)
    attacked = rows.levels(index)
    if side == "attacked":
        return shown_png(attacked, int(rows.bits[index]))
    clean = dataset.levels(int(rows.parent[index]))
    return shown_png(clean, int(rows.bits[index])) if side == "clean" else difference_png(clean, attacked)


def _precisions(manifest: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for cell in manifest["attacks"]:
        names = found.setdefault(cell.get("precision", FP32), [])
        if cell["attack"] not in names:
            names.append(cell["attack"])
    return {} if set(found) <= {FP32} else found


def _shown(rows: AdversarialRows, dataset: Dataset, index: int) -> Shown:
    clean = dataset.levels(int(rows.parent[index]))
    return Shown(
        index,
        str(rows.attack[index]),
        radius_words(float(rows.eps[index]), str(rows.attack[index])),
        dataset.classes[int(rows.pred_before[index])],
        dataset.classes[int(rows.pred_after[index])],
        amplification(clean, rows.levels(index)),
    )


def _rows(row: Artefact) -> AdversarialRows:
    return read_rows(context().path(row.folder) / "rows.h5")


def _dataset(row: Artefact) -> Dataset:
    manifest = read_json(context().path(row.folder) / "manifest.json")
    dataset_id = manifest["dataset_id"] if isinstance(manifest, dict) else ""
    return open_stored_dataset(artefact(ArtefactKind.DATASET, str(dataset_id)))
