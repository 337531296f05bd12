"""What stands beside the headline on the results page: failed attacks, names, changes without aim, other files."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from benchmarks.detector_beside import WORDS, pooled_beside, pooled_share
from benchmarks.detector_figures import Found
from benchmarks.detector_parts import IMAGE, Part, level_of
from benchmarks.detector_stages import STATIC
from benchmarks.detector_work import Json
from benchmarks.tables import share, table
from pipeline.detection.naming_figures import CALLED
from pipeline.detection.protocol_rows import Beside, PairedRow
from pipeline.detection.protocol_tables import BesideTable, tables_beside
from pipeline.detection.statistics import Interval, rate, share_of

_PAIRED = {
    "shuffled": "Another scan's perturbation in its place",
    "scattered": "An attack's own changes at random places",
}


def attacked_page(found: Found) -> Iterator[str]:
    """What became of every scan that was to be attacked, and what the successful attacks are called."""
    notes = found.of(STATIC)
    if not notes:
        return
    yield from ("", "### What became of every scan that was to be attacked", "")
    yield (
        "The classifier had some wrong as they were, and these were not attacked. An attack that failed left the class "
        "right on the file, one that changed nothing not a level. The tables above are of those that succeeded."
    )
    yield ""
    head = ["attack", "succeeded", "failed", "changed nothing", "wrong before", "failed, flagged all the same"]
    yield from table(head, _attacked(notes))
    yield from (
        "",
        "### What successful attacks are called",
        "",
        "At every radius, 1/255 as well; attacks of all seeds.",
    )
    yield ""
    counts: dict[str, dict[str, int]] = {}
    for note in notes:
        for attack, row in note["report"]["confusion"].items():
            of = counts.setdefault(attack, dict.fromkeys(CALLED, 0))
            for name in CALLED:
                of[name] += row.get(name, 0)
    heads = ["attack", *(f"called {name}" for name in CALLED)]
    yield from table(heads, ([attack, *(str(row[name]) for name in CALLED)] for attack, row in counts.items()))


def beside_page(found: Found) -> Iterator[str]:
    """Changes without an aim, zeroed backgrounds, other files, and what is left of an attack after a change."""
    notes = found.of(STATIC)
    if not notes:
        return
    beside = pooled_beside(notes)
    yield from ("", "## What else the detector reacts to", "", WORDS)
    for what, title in _PAIRED.items():
        rows = tuple(row for row in beside.paired if row.what == what)
        words = _seldom_fooled(rows) if what == "shuffled" else ""
        yield from _tables(Beside(paired=rows), title, words)
    clean = [(note["seed"], note["report"]["beside"]["background_clean"]) for note in notes]
    each = ", ".join(f"seed {seed} {share(one)}" for seed, one in clean)
    words = f"Everything outside the head set to 0. Clean scans of this kind that are flagged: {each}."
    yield from _tables(Beside(background=beside.background), "With the background zeroed", words)
    yield from _tables(Beside(reencoded=beside.reencoded), "Clean scans written as another file", "")
    for change in dict.fromkeys(row.change for row in beside.survivors):
        rows_after = tuple(row for row in beside.survivors if row.change == change)
        yield from _tables(Beside(survivors=rows_after), f"Attacked, then {change}", "")


def _attacked(notes: Iterable[Json]) -> Iterator[list[str]]:
    """A row an attack and radius, all seeds together."""
    rows: dict[tuple[str, Part], list[Json]] = {}
    for note in notes:
        for cell in note["report"]["cells"]:
            rows.setdefault((cell["region"], Part(cell["attack"], level_of(cell["eps"]))), []).append(cell)
    for (region, part), some in rows.items():
        counts = [str(sum(one[key] for one in some)) for key in ("n", "n_failed", "n_unchanged", "n_clean_wrong")]
        failed = pooled_share((one["failed_flagged"], one["n_failed"]) for one in some)
        yield [str(part) if region == IMAGE else f"{part}, {region}", *counts, share_of(failed)]


def _seldom_fooled(rows: Iterable[PairedRow]) -> str:
    """What the changes of other scans say of the detector."""
    rows = list(rows)
    fooled, flagged = (_overall((figure(row), row.n) for row in rows) for figure in (_fooled, _flagged))
    if fooled.value is None or flagged.value is None:
        return ""
    told = f"Another scan's perturbation fools the classifier in {fooled.value:.1%} of the scans"
    if flagged.value <= fooled.value:
        return f"{told} and is flagged in {flagged.value:.1%}."
    return (
        f"{told} and is flagged in {flagged.value:.1%} all the same: the detector sees an attack's texture, not its "
        "success."
    )


def _fooled(row: PairedRow) -> Interval:
    return row.fooled


def _flagged(row: PairedRow) -> Interval:
    return row.flagged


def _overall(of: Iterable[tuple[Interval, int]]) -> Interval:
    told = [(one.value, n) for one, n in of if one.value is not None]
    return rate(sum(round(value * n) for value, n in told), sum(n for _, n in told))


def _tables(beside: Beside, title: str, words: str) -> Iterator[str]:
    """The tables that there are rows for, under a title and words of this page."""
    for one in tables_beside(beside):
        yield from _told(replace(one, title=title, words=words))


def _told(one: BesideTable) -> Iterator[str]:
    yield from ("", f"### {one.title}", "")
    if one.words:
        yield from (one.words, "")
    yield from table(one.head, one.rows)
