"""The detector with the background taken from it: clipping at black betrays an attack where there is nothing to see."""

from collections.abc import Iterator

import numpy as np

from pipeline.detection.attacked import cell_name
from pipeline.detection.evidence import clean_scans
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.heads import Heads
from pipeline.detection.network import Scan
from pipeline.detection.protocol_rows import BackgroundRow
from pipeline.detection.statistics import Interval, auroc_interval

_PART = 20


def zeroed_background(examined: Examined, cells: list[AttackedCell]) -> tuple[tuple[BackgroundRow, ...], Interval]:
    """Every cell with everything outside the head set to 0, clean and attacked alike, and false alarms on the clean.

    A scan and all that is made of it are cut to the head of the clean scan. Scans without a background are left out.
    """
    heads = Heads(examined.dataset)
    places = np.flatnonzero([heads.found(int(item)) for item in examined.items])
    items, before = examined.items[places], examined.clean.score[places]
    clean = examined.look(_zeroed(clean_scans(examined.dataset, items), items, heads), len(items), "clean, zeroed")
    groups, found = examined.groups(items), []
    for cell in cells:
        hits = examined.some_hits(cell, _PART)
        hits = hits[[heads.found(int(examined.rows.parent[cell.rows[hit]])) for hit in hits]] if len(hits) else hits
        rows = cell.rows[hits]
        scans = _zeroed(examined.attacked(rows), examined.rows.parent[rows], heads)
        score = examined.look(scans, len(rows), f"{cell_name(cell.attack, cell.eps, cell.region)}, zeroed").score
        old = cell.scores.score[hits]
        found.append(
            BackgroundRow(
                attack=cell.attack,
                eps=cell.eps,
                region=cell.region,
                n=len(rows),
                n_clean=len(items),
                auroc=auroc_interval(score, clean.score, cell.groups[hits], groups, seed=examined.seed),
                auroc_before=auroc_interval(old, before, cell.groups[hits], groups, seed=examined.seed),
                found=examined.flagged(score),
            )
        )
    return tuple(found), examined.flagged(clean.score)


def _zeroed(scans: Iterator[Scan], items: np.ndarray, heads: Heads) -> Iterator[Scan]:
    for (levels, bits), item in zip(scans, items, strict=True):
        mask = heads.mask(int(item))
        yield (levels if mask is None else levels * mask[..., None].astype(levels.dtype)), bits
