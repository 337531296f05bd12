"""The sections on attacks that do not know the detector, and on what is no attack."""

from collections.abc import Mapping, Sequence

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.detection.naming_figures import naming_words
from pipeline.detection.protocol_tables import coverage_words, promise_words, strict_words, tables_beside
from pipeline.detection.report import Cell
from pipeline.detection.statistics import ranged, share_of
from pipeline.detector_report.blocks import Block, Picture, Pictures, Section, Table, Words
from pipeline.detector_report.curves import histogram_chart, radius_chart, risk_chart, roc_chart
from pipeline.detector_report.figures import Static, attack_at
from pipeline.pictures import amplified

# The title of the table that `tables_beside` makes of the operating rows.
AT_OTHER_RATES = "At other rates"
_FOUND = ("attack", "eps", "n", "AUROC", "found", "at the strictest rate", "at 5 %", "handed out")
_APART = (
    "attack",
    "eps",
    "failed",
    "failed, AUROC",
    "failed, flagged",
    "unchanged",
    "wrong before",
    "type right",
    "family right",
)


def attacks_section(static: Static) -> Section:
    """How the detector does on each attack, with curves."""
    blocks: list[Block] = [
        Words(
            "n counts attacks that fool the classifier on the file as written and decoded again; the classifier had "
            "these scans right before. All others stand apart: failed attacks, scans of which not a level moved, and "
            "scans that were wrong before and never attacked. Found is the share of n that is flagged; handed out the "
            "share of all attacked scans that is classified wrong and not flagged. In brackets 95 % intervals."
        )
    ]
    if static.strict is not None:
        blocks.append(Words(strict_words(static.strict, static.facts["n_calibration"])))
    if static.drawn is not None:
        chart = roc_chart(static.drawn, alpha=static.facts["alpha"], n_clean=static.facts["n_clean"])
        blocks += [chart] if chart else []
    found = Table("How it does on each attack", _FOUND, tuple(_found(cell) for cell in static.cells), 2)
    blocks.append(radius_chart(static.cells, found) or found)
    blocks.append(Table("Counted apart, and named", _APART, tuple(_apart(cell) for cell in static.cells), 2))
    return Section("Attacks that do not know the detector", "attacks", tuple(blocks))


def clean_section(static: Static) -> Section:
    """False alarms, and what else could be taken for an attack."""
    facts = static.facts
    flagged = facts.get("flagged_range", facts["band"])
    elsewhere = static.sources.calibrated_on if static.sources else ""
    promised = promise_words(facts["n_calibration"], facts["band"], flagged, facts["n_clean"], elsewhere)
    words = (
        f"Of {facts['n_clean']} clean scans {share_of(static.clean_alarms)} are flagged at a stated rate of "
        f"{facts['alpha']:.1%}. {promised} Clean scans that went the way of attacked ones without an attack: AUROC "
        f"{facts['null_attack']:.3f}; 0.5 where no trace of the way itself was learned."
    )
    blocks: list[Block] = [Words(words)]
    if static.coverage is not None and static.handed_out is not None:
        blocks.append(Words(coverage_words(static.coverage, static.handed_out)))
    if static.drawn is not None:
        blocks.append(histogram_chart(static.drawn, alpha=facts["alpha"]))
    if static.by_class:
        by_class = tuple((name, share_of(found)) for name, found in static.by_class.items())
        blocks.append(Table("False alarms of each class", ("class", "clean scans flagged"), by_class))
    if static.controls:
        head = ("harmless change", "n", "flagged", "AUROC of attacks against it")
        changed = tuple(
            (row.name.replace("_", " "), str(row.n), share_of(row.flagged), _auroc(row.auroc_attacked))
            for row in static.controls
        )
        blocks.append(Table("Harmless changes", head, changed))
    return Section("Clean scans, and harmless changes", "clean", tuple(blocks))


def beside_section(static: Static) -> Section | None:
    """What the detector could have learned in an attack's place; None where that was not looked at."""
    blocks: list[Block] = []
    for table in tables_beside(static.beside):
        if table.words:
            blocks.append(Words(table.words))
        named = tuple(tuple(type_name(cell) for cell in row) for row in table.rows)
        shown = Table(table.title, table.head, named, table.n_text)
        chart = risk_chart(static.beside.operating, shown) if table.title == AT_OTHER_RATES else None
        blocks.append(chart or shown)
    if not blocks:
        return None
    words = Words(
        "Each row takes something away that could betray an attack without its being one: its strength, its place, "
        "the background, the way of the file. A figure that falls here was never the detector's merit."
    )
    return Section("Beside the headline", "controls", (words, *blocks))


def naming_section(static: Static) -> Section | None:
    """What attacks are called; None where nothing was."""
    confusion: Mapping[str, Mapping[str, int]] = static.facts.get("confusion", {})
    if not confusion:
        return None
    names = list(dict.fromkeys(name for row in confusion.values() for name in row))
    rows = tuple(_called(attack, row, names) for attack, row in confusion.items())
    table = Table(
        "What successful attacks are called", ("attack", "n", *(f"called {type_name(n)}" for n in names)), rows
    )
    words = Words(
        "Of the n successful attacks in a row, over all radii, so many are called by each name. After rounding to the "
        "levels of a file BIM, PGD and MIM leave much the same trace; their family is surer than their name."
    )
    figures = () if static.naming is None else (Words(naming_words(static.naming)),)
    return Section("Naming the attack", "naming", (words, *figures, table))


def examples_section(static: Static) -> Section | None:
    """Scans to look at; None where a report names none."""
    if static.drawn is None or static.sources is None or not static.drawn.examples:
        return None
    pictures = tuple(
        Picture(
            adversarial_id=static.sources.adversarial_id,
            row=one.row,
            times=amplified(one.largest),
            title=attack_at(one.attack, one.eps, one.region),
            text=f"{one.label} became {one.after}; score {one.score:.3g}, "
            f"{'flagged' if one.flagged else 'not flagged'}; named {type_name(one.called)}; row {one.row}, "
            f"scan {one.item}, SHA-256 {one.levels_sha256[:16]}",
        )
        for one in static.drawn.examples
    )
    n_missed = sum(one.kind == "missed" for one in static.drawn.examples)
    words = (
        "Chosen by a rule and not by their looks: of each attack the scan of median score at the radius nearest to "
        f"2/255, then the {n_missed} successful attacks furthest from being found. In the difference mid grey is no "
        "change."
    )
    return Section("Examples", "examples", (Words(words), Pictures(pictures)))


def _found(cell: Cell) -> tuple[str, ...]:
    shares = (share_of(one) for one in (cell.found, cell.found_strict, cell.found_loose, cell.handed_out))
    return (*_named(cell), str(cell.n), ranged(cell.auroc), *shares)


def _apart(cell: Cell) -> tuple[str, ...]:
    counts = (str(cell.n_unchanged), str(cell.n_clean_wrong))
    failed = (str(cell.n_failed), ranged(cell.failed_auroc), share_of(cell.failed_flagged))
    return (*_named(cell), *failed, *counts, _share(cell.type_right), _share(cell.family_right))


def _named(cell: Cell) -> tuple[str, str]:
    return attack_at(cell.attack, 0, cell.region), radius_words(cell.eps, cell.attack)


def _called(attack: str, row: Mapping[str, int], names: Sequence[str]) -> tuple[str, ...]:
    n = sum(row.values())
    return (
        type_name(attack),
        str(n),
        *(f"{row.get(name, 0)} ({row.get(name, 0) / n:.0%})" if n else "-" for name in names),
    )


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _auroc(value: float) -> str:
    return "-" if value != value else f"{value:.4f}"
