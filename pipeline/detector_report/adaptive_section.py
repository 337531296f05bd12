"""The static figure and the adaptive one, next to each other, and how the adaptive one was reached."""

from collections.abc import Iterator, Sequence

from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.attacks.names import type_name
from pipeline.detection.report import Cell
from pipeline.detection.statistics import NOTHING, Interval, rate, share_of
from pipeline.detector_report.axes import dodged, radius_axis, share_axis
from pipeline.detector_report.blocks import Block, Chart, Section, Series, Table, Words
from pipeline.detector_report.figures import Adaptive, Static

_TITLE = "An attacker who knows the detector"
_HEAD = (
    "eps", "static: accepted and wrong", "adaptive: accepted and wrong", "static: attacked", "static: succeeded",
    "adaptive: attacked", "adaptive: wrong without a gate",
)  # fmt: skip


def not_measured(detector_id: str) -> str:
    """What must be said where nobody attacked the detector who knows it."""
    return (
        "No adaptive attack has been measured on this detector. The static figures are of attacks that do not know it; "
        "they say nothing about an attacker who does. To measure one, choose 'Try attackers who know it' on the "
        f"detector's page, or run: .venv/bin/python -m pipeline attack-gate {detector_id}"
    )


def none_here(detector_id: str) -> str:
    """What must be said where it was attacked on other scans alone."""
    return (
        "No adaptive attack has been measured on the scans of these figures, only on others, whose runs are listed "
        "below. To measure one here, choose 'Try attackers who know it' on the detector's page, or run: "
        f".venv/bin/python -m pipeline attack-gate {detector_id}"
    )


def chosen(static: Static, runs: Sequence[Adaptive]) -> Adaptive | None:
    """The run that is told: at the rate of the static figures before others, then the one that surely found most.

    One of other scans than those of the static figures is never told beside them.

    What a run surely found is where its intervals begin: near 0 after few scans, and after mild attacks on many. So
    neither takes the place of a hard one, and all runs are kept and named.
    """
    same = [run for run in runs if _of_same_scans(run, static)]
    return max(same, key=lambda run: _hardness(run, static), default=None)


def standing_section(static: Static, runs: Sequence[Adaptive]) -> Section:
    """What the gate hands out, radius by radius, to who does not know it and to who does."""
    run = chosen(static, runs)
    found = {level: _static_at(static.cells, level) for level in _levels(static.cells)}
    rows = _standing_rows(found, run)
    levels = sorted({*found, *(row.level for row in run.rows)} if run else found)
    blocks: list[Block] = [_first_words(static, runs)]
    table = Table("Static and adaptive, side by side", _HEAD, rows)
    lines = _lines(found, run)
    if lines:
        blocks.append(Chart(
            title="Accepted and wrong, at every radius",
            what="Share of attacked scans that the gate accepts and the classifier gets wrong, with 95 % intervals, "
            f"under attacks that do not know the detector{', and under the best of all that do' if run else ''}.",
            x=radius_axis("radius of the attack", levels),
            y=share_axis("accepted and wrong"),
            series=lines,
            table=table,
        ))  # fmt: skip
    elif rows:
        blocks.append(table)
    return Section("Static and adaptive", "standing", tuple(blocks))


def standing_at_a_glance(static: Static, runs: Sequence[Adaptive]) -> tuple[Words, Table]:
    """The words and the two figures of `standing_section` alone, for a page that leaves the rest to the report."""
    run = chosen(static, runs)
    rows = _standing_rows({level: _static_at(static.cells, level) for level in _levels(static.cells)}, run)
    head = ("Radius", "Static (95 %)", "Adaptive (95 %)")
    return _first_words(static, runs), Table(
        "Accepted and wrong, of the scans attacked", head, tuple(row[:3] for row in rows)
    )


def adaptive_section(static: Static, runs: Sequence[Adaptive]) -> Section | None:
    """How the adaptive figure was reached, or which runs on other scans there are; None without any run."""
    run = chosen(static, runs)
    if run is None:
        return Section(_TITLE, "adaptive", (_others(runs),)) if runs else None
    facts = run.facts
    blocks: list[Block] = [
        Words(
            f"{facts['n_scans']} scans of the split {facts['split']}; the classifier has {facts['n_right']} right, of "
            f"which the gate accepts {facts['n_right_accepted']} as they are. It accepts scores up to "
            f"{facts['tau']:.3g}, set on clean scans at a rate of {facts['alpha']:.1%}. What passing the gate costs, "
            f"as medians of the smallest radius that passes and fools: {run.price.said}."
        ),
        Table(
            "Every attack that knows the gate",
            ("attack", "eps", "n", "tried", "accepted and wrong", "wrong"),
            tuple((_named(cell.attack), f"{cell.level:g}/255", str(cell.n), str(cell.n_tried), share_of(cell.passed),
                   share_of(cell.wrong)) for cell in run.cells),
            n_text=2,
        ),
    ]  # fmt: skip
    left_out = "; ".join(f"{type_name(name)}, {why}" for name, why in facts.get("left_out", {}).items())
    if left_out:
        blocks.append(Words(f"Not tried: {left_out}."))
    others = [other for other in runs if other is not run]
    if others:
        blocks.append(_others(others))
    return Section(_TITLE, "adaptive", tuple(blocks))


def adaptive_limit(static: Static, runs: Sequence[Adaptive]) -> str:
    """What to remember of the two figures."""
    run = chosen(static, runs)
    if run is None:
        return _unmeasured(static, runs)
    return (
        f"The adaptive figure is of {run.facts['n_right']} scans and of the attacks that were tried. It is a lower "
        "bound: an attacker with more steps, or another idea, can only do better."
    )


def _unmeasured(static: Static, runs: Sequence[Adaptive]) -> str:
    return (none_here if runs else not_measured)(str(static.facts["detector_id"]))


def _of_same_scans(run: Adaptive, static: Static) -> bool:
    """Whether both are of one split of one data set; a run of before does not name its data set."""
    judged = None if static.sources is None else static.sources.dataset_id
    same_data = judged is None or run.facts.get("dataset_id", judged) == judged
    return bool(same_data and run.facts["split"] == static.facts["split"])


def _hardness(run: Adaptive, static: Static) -> tuple[bool, float, int, int]:
    """By what is read together: the rate, then the radii, of which those of the static figures count where it has some.

    At a radius beyond them every gate is passed, and a run there would hide what was found at them.
    """
    levels = set(_levels(static.cells))
    surely = sum(row.best.low or 0.0 for row in run.rows if not levels or row.level in levels)
    same_rate = abs(float(run.facts["alpha"]) - float(static.facts["alpha"])) < 1e-9
    return same_rate, surely, int(run.facts["n_right"]), len({cell.attack for cell in run.cells})


def _first_words(static: Static, runs: Sequence[Adaptive]) -> Words:
    run = chosen(static, runs)
    if run is None:
        return Words(_unmeasured(static, runs), "warning")
    n = len({cell.attack for cell in run.cells})
    told = (
        "Static: the attacks of the adversarial set, which know the classifier alone. Adaptive: the best, scan by "
        f"scan, of {n} of {len(ADAPTIVE_ATTACKS)} attacks that know classifier, detector and threshold, on "
        f"{run.facts['n_right']} scans."
    )
    if abs(float(run.facts["alpha"]) - float(static.facts["alpha"])) < 1e-9:
        return Words(told)
    rates = f"{static.facts['alpha']:.1%} and {run.facts['alpha']:.1%}"
    return Words(f"{told} The two are at different false-alarm rates, {rates}: read them apart.", "warning")


def _standing_rows(
    found: dict[float, tuple[int, Interval, Interval]], run: Adaptive | None
) -> tuple[tuple[str, ...], ...]:
    """One row a radius, under the columns of `_HEAD`."""
    known = {row.level: row for row in run.rows} if run else {}
    rows = []
    for level in sorted({*found, *known}):
        n, undefended, handed = found.get(level, (0, NOTHING, NOTHING))
        row = known.get(level)
        adaptive = (share_of(row.best), str(row.n), share_of(row.undefended)) if row else ("not measured", "-", "-")
        static_cells = (share_of(handed), str(n), share_of(undefended)) if level in found else ("-", "-", "-")
        rows.append((f"{level:g}/255", static_cells[0], adaptive[0], *static_cells[1:], *adaptive[1:]))
    return tuple(rows)


def _levels(cells: Sequence[Cell]) -> Iterator[float]:
    return (round(255 * cell.eps, 3) for cell in cells if cell.eps > 0 and cell.handed_out.value is not None)


def _static_at(cells: Sequence[Cell], level: float) -> tuple[int, Interval, Interval]:
    """Scans attacked at one radius, the share that is wrong without a gate, and the share that is handed out wrong."""
    same = [cell for cell in cells if cell.eps > 0 and abs(255 * cell.eps - level) < 0.01]
    counts = [cell.n + cell.n_failed + cell.n_unchanged for cell in same]
    n = sum(counts)
    handed = sum(round((cell.handed_out.value or 0.0) * k) for cell, k in zip(same, counts, strict=True))
    return n, rate(sum(cell.n for cell in same), n), rate(handed, n)


def _lines(found: dict[float, tuple[int, Interval, Interval]], run: Adaptive | None) -> tuple[Series, ...]:
    static = [(level, handed) for level, (_, _, handed) in sorted(found.items())]
    adaptive = [(row.level, row.best) for row in run.rows] if run else []
    alone = [(row.level, row.undefended) for row in run.rows] if run else []
    named = (("static", static), ("adaptive", adaptive), ("without a gate", alone))
    return dodged(
        Series(
            name,
            tuple((level, one.value or 0.0) for level, one in line),
            tuple((one.low or 0.0, one.high or 0.0) for _, one in line),
            dots=True,
        )
        for name, line in named
        if line
    )


def _others(runs: Sequence[Adaptive]) -> Table:
    rows = tuple(
        (f"alpha {run.facts['alpha']:g}, split {run.facts['split']} of {run.facts.get('dataset_id', 'its data set')}",
         str(run.facts["n_right"]),
         "; ".join(f"{row.level:g}/255 {share_of(row.best)}" for row in run.rows))
        for run in runs
    )  # fmt: skip
    return Table("Other runs that were kept", ("run", "n", "accepted and wrong"), rows)


def _named(attack: str) -> str:
    name, comma, more = attack.partition(", ")
    return f"{type_name(name)}{comma}{more}"
