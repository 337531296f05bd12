"""Changes that are as strong as an attack and no attack: what is flagged of them, and how far attacks stand above."""

from collections.abc import Iterator

import numpy as np

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.detection.attacked import cell_name
from pipeline.detection.controls import EQUAL_NORM, REPORTED_CONTROLS, noise_name, scattered, with_perturbation
from pipeline.detection.evidence import clean_scans
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.network import Scan
from pipeline.detection.protocol_rows import EqualNormRow, PairedRow
from pipeline.detection.report import ControlRow
from pipeline.detection.statistics import Interval, auroc, auroc_interval, rate

Controlled = dict[str, tuple[np.ndarray, np.ndarray]]
"""By the name of a control: the items that it was applied to, and their scores."""

_SAME_LEVEL = 0.01
_PART, _PAIRED_PART = 10, 11


def look_at_controls(examined: Examined) -> Controlled:
    """What the gate says of the same clean scans under every harmless change."""
    items = examined.some_items(_PART)
    rng = np.random.default_rng([examined.seed, _PART])
    found = {}
    for name, control in REPORTED_CONTROLS.items():
        originals = clean_scans(examined.dataset, items)
        changed = ((control(levels, bits, rng), bits) for levels, bits in originals)
        found[name] = items, examined.look(changed, len(items), name).score
    return found


def control_rows(examined: Examined, cells: list[AttackedCell], controlled: Controlled) -> tuple[ControlRow, ...]:
    """False alarms on every harmless change, and how far all attacks together stand above it."""
    hit = np.concatenate([cell.hit for cell in cells]) if cells else np.empty(0)
    return tuple(
        ControlRow(name, len(score), examined.flagged(score), auroc(hit, score))
        for name, (_, score) in controlled.items()
    )


def equal_norm_rows(examined: Examined, cells: list[AttackedCell], controlled: Controlled) -> tuple[EqualNormRow, ...]:
    """Attacks of the whole image at 1, 2, 4 and 8/255 against noise of their own norm."""
    found = []
    for noise, level in EQUAL_NORM:
        items, score = controlled[noise_name(noise, level)]
        same = [
            cell
            for cell in cells
            if cell.level is not None and abs(cell.level - level) < _SAME_LEVEL and cell.region == WHOLE_IMAGE
        ]
        if not same:
            continue
        hit = np.concatenate([cell.hit for cell in same])
        groups = np.concatenate([cell.groups[cell.success] for cell in same])
        found.append(
            EqualNormRow(
                noise=noise,
                level=level,
                n_attacked=len(hit),
                n_noise=len(score),
                auroc=auroc_interval(hit, score, groups, examined.groups(items), seed=examined.seed),
                by_attack={cell.attack: auroc(cell.hit, score) for cell in same if len(cell.hit)},
                flagged=examined.flagged(score),
            )
        )
    return tuple(found)


def paired_rows(examined: Examined, cells: list[AttackedCell]) -> tuple[PairedRow, ...]:
    """Every attack against its own changes without the aim, scattered or of another scan."""
    found = []
    for cell in cells:
        places = examined.some_hits(cell, _PAIRED_PART)
        for what, pairs in (("scattered", _own(examined, cell, places)), ("shuffled", _others(examined, cell, places))):
            if pairs:
                found.append(_paired(examined, cell, what, pairs))
    return tuple(found)


def _own(examined: Examined, cell: AttackedCell, places: np.ndarray) -> list[tuple[int, int]]:
    """Rows whose scan is changed, with the rows whose changes it gets: here its own."""
    return [(int(cell.rows[place]), int(cell.rows[place])) for place in places]


def _others(examined: Examined, cell: AttackedCell, places: np.ndarray) -> list[tuple[int, int]]:
    """The same with the changes of a scan of the same shape and depth, and of another group, where there is one."""
    rng = np.random.default_rng([examined.seed, _PAIRED_PART, 1])
    rows, items = examined.rows, examined.dataset.items
    hits = np.flatnonzero(cell.success)
    kinds = [
        (items[int(rows.parent[cell.rows[hit]])].shape, items[int(rows.parent[cell.rows[hit]])].bits) for hit in hits
    ]
    kind_of = dict(zip(hits.tolist(), kinds, strict=True))
    pairs = []
    for place in places.tolist():
        donors = [
            other
            for other in hits.tolist()
            if kind_of[other] == kind_of[place] and cell.groups[other] != cell.groups[place]
        ]
        if donors:
            pairs.append((int(cell.rows[place]), int(cell.rows[int(rng.choice(donors))])))
    return pairs


def _paired(examined: Examined, cell: AttackedCell, what: str, pairs: list[tuple[int, int]]) -> PairedRow:
    rows, rng = examined.rows, np.random.default_rng([examined.seed, _PAIRED_PART, 2])
    parents = np.array([int(rows.parent[row]) for row, _ in pairs])

    def changed() -> Iterator[Scan]:
        for (levels, bits), (_, donor) in zip(clean_scans(examined.dataset, parents), pairs, strict=True):
            perturbation = examined.perturbation(donor)
            moved = (
                with_perturbation(levels, bits, perturbation)
                if what == "shuffled"
                else scattered(levels, bits, perturbation, rng)
            )
            yield moved, bits

    name = f"{what} {cell_name(cell.attack, cell.eps, cell.region)}"
    seen = examined.look(changed(), len(pairs), name)
    fooled = rate(int((seen.preds != examined.dataset.labels[parents]).sum()), len(pairs))
    return PairedRow(
        what=what,
        attack=cell.attack,
        eps=cell.eps,
        region=cell.region,
        n=len(pairs),
        auroc=auroc_interval(
            cell.hit, seen.score, cell.groups[cell.success], examined.groups(parents), seed=examined.seed
        ),
        flagged=examined.flagged(seen.score),
        fooled=fooled if examined.own else Interval(None, None, None),
    )
