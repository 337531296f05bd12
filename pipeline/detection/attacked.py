"""What a gate says of every attacked scan of a split, attack by attack and radius by radius."""

import numpy as np

from datasets.adversarial_store import WHOLE_IMAGE
from detector.types import FAMILIES, TYPES, type_index
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.naming_figures import CALLED, called
from pipeline.detection.protocol_rows import HandedOut
from pipeline.detection.report import Cell
from pipeline.detection.statistics import NOTHING, Interval, auroc_interval, rate


def look_at_attacks(examined: Examined) -> list[AttackedCell]:
    """One cell an attack, eps and region; every row of the split is in one of them."""
    rows = examined.rows
    inside = np.flatnonzero(np.isin(rows.parent, examined.items))
    keys = zip(rows.attack[inside].tolist(), rows.eps[inside].tolist(), rows.region[inside].tolist(), strict=True)
    cells = []
    for attack, eps, region in sorted(set(keys)):
        same = (rows.attack[inside] == attack) & (rows.eps[inside] == np.float32(eps)) & (rows.region[inside] == region)
        chosen = inside[same]
        cells.append(
            AttackedCell(
                attack=attack,
                eps=eps,
                region=region,
                rows=chosen,
                success=rows.status[chosen] == "success",
                groups=examined.groups(rows.parent[chosen]),
                scores=examined.look(examined.attacked(chosen), len(chosen), cell_name(attack, eps, region)),
            )
        )
    return cells


def cell_name(attack: str, eps: float, region: str = WHOLE_IMAGE) -> str:
    """An attack at a radius in a region, for people."""
    named = f"{attack} {255 * eps:g}/255" if eps > 0 else attack
    return named if region == WHOLE_IMAGE else f"{named}, {region}"


def cell_row(examined: Examined, cell: AttackedCell) -> Cell:
    """The figures of one cell."""
    status, score, hit = examined.rows.status[cell.rows], cell.scores.score, cell.hit
    named = dict.fromkeys(CALLED, 0)
    for name in called(cell):
        named[name] += 1
    right = _right(cell.attack, named)
    failed, is_attacked = score[status == "failed"], status != "clean_wrong"
    n, loose_tau = len(hit), examined.loose_tau
    return Cell(
        attack=cell.attack,
        eps=cell.eps,
        n=n,
        n_failed=len(failed),
        n_unchanged=int((status == "unchanged").sum()),
        n_clean_wrong=int((~is_attacked).sum()),
        auroc=_against_clean(examined, hit, cell.groups[cell.success]),
        found=examined.flagged(hit),
        failed_flagged=examined.flagged(failed),
        type_right=None if right is None or n == 0 else right[0] / n,
        family_right=None if right is None or n == 0 else right[1] / n,
        region=cell.region,
        found_strict=rate(int((hit > examined.strict_tau).sum()), n),
        handed_out=rate(int((_wrong(examined, cell) & (score <= examined.tau)).sum()), int(is_attacked.sum())),
        named=named,
        found_loose=NOTHING if loose_tau is None else rate(int((hit > loose_tau).sum()), n),
        failed_auroc=_against_clean(examined, failed, cell.groups[status == "failed"]),
    )


def _against_clean(examined: Examined, score: np.ndarray, groups: np.ndarray) -> Interval:
    """AUROC of attacked scans (n,) and their groups (n,) against all clean scans."""
    clean = examined.groups(examined.items)
    return auroc_interval(score, examined.clean.score, groups, clean, seed=examined.seed)


def handed_out(examined: Examined, cells: list[AttackedCell]) -> HandedOut:
    """Wrong classes with and without the gate, over all attacked scans."""
    n = sum(int((examined.rows.status[cell.rows] != "clean_wrong").sum()) for cell in cells)
    wrong = [_wrong(examined, cell) for cell in cells]
    past = sum(int((w & (cell.scores.score <= examined.tau)).sum()) for w, cell in zip(wrong, cells, strict=True))
    return HandedOut(n, rate(sum(int(w.sum()) for w in wrong), n), rate(past, n))


def _wrong(examined: Examined, cell: AttackedCell) -> np.ndarray:
    """Whether each file of a cell was attacked and is wrong by this gate's classifier, whichever one was attacked."""
    rows = examined.rows
    wrong: np.ndarray = (rows.status[cell.rows] != "clean_wrong") & (cell.scores.preds != rows.label[cell.rows])
    return wrong


def _right(attack: str, named: dict[str, int]) -> tuple[int, int] | None:
    """How often type and family are right; None where the head has no name for the attack."""
    index = type_index(attack)
    if index is None:
        return None
    family = next(members for members in FAMILIES.values() if TYPES[index] in members)
    return named[TYPES[index]], sum(named[member] for member in family)
