"""The charts of a report, each with its table."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.attacks.names import type_name
from pipeline.detection.drawn_rows import Drawn, RocCurve
from pipeline.detection.protocol_rows import OperatingRow
from pipeline.detection.report import Cell
from pipeline.detector_report.axes import dodged, percent, radius_axis, rate_axis, score_axis, share_axis, top_axis
from pipeline.detector_report.blocks import Chart, Series, Table
from pipeline.detector_report.drawing import N_TONES

_QUARTERS = ("scans", "n", "a quarter up to", "half up to", "three quarters up to")
_TABLE_RATES = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1)


def roc_chart(drawn: Drawn, *, alpha: float, n_clean: int) -> Chart | None:
    """Share found against the false-alarm rate; None without a successful attack."""
    if not drawn.roc:
        return None
    low = drawn.smallest_rate
    rates = [low, *(rate for rate in _TABLE_RATES if rate > 1.8 * low)]
    rows = tuple(
        (_level(curve), str(curve.n), *(percent(found_at(curve, rate)) for rate in rates)) for curve in drawn.roc
    )
    return Chart(
        title="Found, at every false-alarm rate",
        what=f"Share of successful attacks that is found, by radius, against the share of {n_clean} clean scans that "
        f"is flagged. The scale of rates is logarithmic and begins at one scan, {percent(low)}: fewer false alarms "
        f"than that so many scans cannot show.{_untold(len(drawn.roc))}",
        x=rate_axis("clean scans flagged", low),
        y=share_axis("attacks found"),
        series=tuple(Series(_level(curve), curve.points) for curve in drawn.roc[:N_TONES]),
        table=Table("Found at these rates", ("radius", "n", *(percent(rate) for rate in rates)), rows),
        marks=((max(alpha, low), f"stated rate {percent(alpha)}"),),
    )


def found_at(curve: RocCurve, rate: float) -> float:
    """The share found at the largest rate of the curve that is not above `rate`; 0 where there is none."""
    return max((found for x, found in curve.points if x <= rate * (1 + 1e-9)), default=0.0)


def histogram_chart(drawn: Drawn, *, alpha: float) -> Chart:
    """How the scores of every kind of scan lie, and where alarms begin."""
    edges, counts = drawn.histogram.edges, drawn.histogram.counts
    totals = {name: sum(bins) for name, bins in counts.items()}
    tallest = max(n / totals[name] for name, bins in counts.items() for n in bins)
    series = tuple(Series(f"{name}, n = {totals[name]}", _steps(edges, bins)) for name, bins in counts.items())
    rows = tuple(
        (name, str(totals[name]), *(f"{at:.3g}" for at in _quartiles(edges, bins))) for name, bins in counts.items()
    )
    return Chart(
        title="Scores",
        what=f"Share of scans in each of {len(edges) - 1} bins of the score, for clean scans, harmlessly changed ones "
        f"and successful attacks. Scans above {drawn.tau:.3g} are flagged. The outermost bins hold everything beyond.",
        x=score_axis("score, higher is more suspicious", edges[0], edges[-1]),
        y=share_axis("share of scans", tallest),
        series=series,
        table=Table("Where the scores lie", _QUARTERS, rows),
        marks=((drawn.tau, f"flagged from {drawn.tau:.3g} on, at {percent(alpha)}"),),
    )  # fmt: skip


def risk_chart(rows: Sequence[OperatingRow], table: Table) -> Chart | None:
    """What is handed out wrong against what is shown at all, one point a rate; None where nothing was attacked."""
    known = sorted((row for row in rows if row.n_attacked and row.n_clean), key=lambda row: row.accepted.value or 0.0)
    if len(known) < 2:
        return None
    points = tuple((row.accepted.value or 0.0, row.handed_out.value or 0.0) for row in known)
    spans = tuple((row.handed_out.low or 0.0, row.handed_out.high or 0.0) for row in known)
    return Chart(
        title="Risk, against what is still shown",
        what="Share of attacked scans that are shown a wrong class against the share of clean scans that are shown "
        "one at all, with 95 % intervals: one point a rate, from the highest on the left to the lowest.",
        x=top_axis("clean scans whose class is shown", points[0][0]),
        y=share_axis("attacked scans shown a wrong class", max(high for _, high in spans) or 0.01),
        series=(Series("attacks that do not know the detector", points, spans, dots=True),),
        table=table,
    )


def radius_chart(cells: Sequence[Cell], table: Table) -> Chart | None:
    """Share found, attack by attack, against the radius, with a table of all cells; None without two radii to join."""
    inside = sorted(_with_radius(cells), key=lambda cell: (cell.attack, cell.eps))
    series = [
        Series(
            type_name(attack),
            tuple((round(255 * cell.eps, 3), cell.found.value or 0.0) for cell in same),
            tuple((cell.found.low or 0.0, cell.found.high or 0.0) for cell in same),
            dots=True,
        )
        for attack, group in groupby(inside, key=lambda cell: cell.attack)
        if len(same := list(group)) > 1
    ]
    if not series:
        return None
    return Chart(
        title="Found, at every radius",
        what="Share of successful attacks that is found at the threshold, attack by attack, with 95 % intervals."
        f"{_untold(len(series))}",
        x=radius_axis("radius of the attack", sorted({x for one in series for x, _ in one.points})),
        y=share_axis("attacks found"),
        series=dodged(series[:N_TONES]),
        table=table,
    )


def _untold(n: int) -> str:
    """What must be said where there are more lines than can be told apart."""
    return f" Drawn are {N_TONES} of {n} lines; the table has all." if n > N_TONES else ""


def _with_radius(cells: Sequence[Cell]) -> Iterator[Cell]:
    return (cell for cell in cells if cell.eps > 0 and cell.n and cell.region == WHOLE_IMAGE)


def _steps(edges: Sequence[float], bins: Sequence[int]) -> tuple[tuple[float, float], ...]:
    """The outline of the bins as shares."""
    total = sum(bins)
    points = [(edges[0], 0.0)]
    for left, right, n in zip(edges[:-1], edges[1:], bins, strict=True):
        points += [(left, n / total), (right, n / total)]
    return (*points, (edges[-1], 0.0))


def _quartiles(edges: Sequence[float], bins: Sequence[int]) -> list[float]:
    """The upper edges of the bins in which a quarter, half and three quarters of the scans are reached."""
    total, reached = sum(bins), 0
    found: list[float] = []
    for right, n in zip(edges[1:], bins, strict=True):
        reached += n
        while len(found) < 3 and reached >= (len(found) + 1) * total / 4:
            found.append(right)
    return found


def _level(curve: RocCurve) -> str:
    return "no radius of its own" if curve.level is None else f"{curve.level:g}/255"
