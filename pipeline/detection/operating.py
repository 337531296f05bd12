"""What a gate lets through at other false-alarm rates than the one that is judged, and whom its alarms fall on."""

from dataclasses import replace

import numpy as np

from detector.conformal import OFFERED_ALPHAS, supports, threshold
from pipeline.detection.attacked import handed_out
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.protocol_rows import Coverage, MarginRow, OperatingRow
from pipeline.detection.rates import usual_uncertain
from pipeline.detection.statistics import rate

_QUARTERS = ("least sure quarter", "second", "third", "surest quarter")


def operating_rows(
    examined: Examined, cells: list[AttackedCell], calibration: np.ndarray, alpha: float
) -> tuple[OperatingRow, ...]:
    """One row for each offered rate from `alpha` on, and for that of uncertain scans.

    Args:
        examined: the gate and the clean scans.
        cells: all attacked scans.
        calibration: clean scores.
        alpha: the rate that is judged.
    """
    offered = {offer for offer in OFFERED_ALPHAS if offer >= alpha and supports(len(calibration), offer)}
    rates = sorted(offered | {alpha, usual_uncertain(alpha)})
    return tuple(_row(replace(examined, tau=threshold(calibration, each)), cells, each) for each in rates)


def margin_rows(examined: Examined) -> tuple[MarginRow, ...]:
    """False alarms on clean scans by how sure the classifier is of them, a quarter of the scans each."""
    parts = np.array_split(np.argsort(examined.clean.margin, kind="stable"), len(_QUARTERS))
    score = examined.clean.score
    return tuple(
        MarginRow(name, len(part), examined.flagged(score[part])) for name, part in zip(_QUARTERS, parts, strict=True)
    )


def coverage(examined: Examined) -> Coverage:
    """What passes the gate of the clean scans."""
    right = examined.clean.preds == examined.dataset.labels[examined.items]
    accepted = examined.clean.score <= examined.tau
    n, n_accepted = len(right), int(accepted.sum())
    return Coverage(n, rate(n_accepted, n), rate(int((right & accepted).sum()), n_accepted), rate(int(right.sum()), n))


def _row(at: Examined, cells: list[AttackedCell], alpha: float) -> OperatingRow:
    clean, attacked = coverage(at), handed_out(at, cells)
    hits = np.concatenate([cell.hit for cell in cells] or [np.empty(0)])
    parents = np.concatenate([at.rows.parent[cell.rows[cell.success]] for cell in cells] or [np.empty(0, int)])
    n_parents, n_missed = len(np.unique(parents)), len(np.unique(parents[hits <= at.tau]))
    return OperatingRow(
        alpha=alpha,
        n_clean=clean.n,
        accepted=clean.accepted,
        right_accepted=clean.right_accepted,
        n_hits=len(hits),
        found=at.flagged(hits),
        n_parents=n_parents,
        all_found=rate(n_parents - n_missed, n_parents),
        n_attacked=attacked.n,
        handed_out=attacked.accepted,
    )
