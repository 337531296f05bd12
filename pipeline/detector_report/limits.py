"""What the figures do not say, in plain words."""

from collections.abc import Iterator, Sequence

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.detection.report import Cell
from pipeline.detection.statistics import ranged, share_of
from pipeline.detector_report.blocks import Points, Section
from pipeline.detector_report.figures import Static, attack_at

_MANY = 1000
"""Clean scans that a rate of 1 % asks for where there are as many."""


def limits_section(limits: Sequence[str]) -> Section:
    """What the figures do not say."""
    return Section("Limits, in plain words", "limits", (Points(tuple(limits)),))


def limits_of(static: Static) -> Iterator[str]:
    """What the figures of attacks that do not know the detector leave open."""
    yield from _of_clean_scans(static)
    if static.cells and all(cell.region == WHOLE_IMAGE for cell in static.cells):
        yield (
            "No attack of the set was held to the head, so that what the black background betrays is shown by the rows "
            "with a zeroed background alone. Build a set with the region head to see both."
        )
    yield from _shortcut(static)
    few = [cell for cell in static.cells if 0 < cell.n < 30]
    if few:
        named = ", ".join(f"{attack_at(cell.attack, cell.eps, cell.region)} (n = {cell.n})" for cell in few)
        yield f"Few attacks succeeded in these cells, which say little by themselves: {named}."
    yield (
        "The interval of an AUROC is a bootstrap, which sees no further than its sample: where every attack stands "
        "above every clean scan, it says no more than that."
    )
    alpha, found = float(static.facts["alpha"]), _found_overall(static.cells)
    if found is not None:
        flagged = 0.001 * found + 0.999 * alpha
        yield (
            f"Most alarms are about clean scans. If one scan in 1,000 were attacked, of all flagged scans "
            f"{0.001 * found / flagged:.1%} would be attacked ones; so a flag asks for a person, and proves nothing."
        )
    yield (
        "The attacks are those of the table, with the steps that built the adversarial set. A stronger one, of another "
        "kind or of another radius, can do better."
    )
    yield (
        "Found means found of attackers who do not know the detector. One that withstood every attacker at a radius "
        "would make a classifier robust at half of it (Tramèr 2022, arXiv:2107.11630), far beyond what any is: 100 % "
        "in the table is no such claim."
    )
    yield "A scan that is no brain MRI, or is damaged, gets a score that means nothing; no check of content is made."


def _of_clean_scans(static: Static) -> Iterator[str]:
    """What the promise of a false-alarm rate leaves open."""
    facts = static.facts
    yield (
        "The false-alarm rate is promised for clean scans like those of the calibration. Another scanner, sequence or "
        "site breaks that promise; recalibrate on clean scans from there."
    )
    worst = max(static.by_class.items(), key=lambda item: item[1].value or 0.0, default=None)
    if worst is not None and (worst[1].value or 0.0) > 0:
        yield f"False alarms do not fall on all alike: most on {worst[0]}, {share_of(worst[1])}."
    yield (
        "The data set does not say which scanner or site a scan is from, so false alarms are told by class and by how "
        "sure the classifier is, and not by source."
    )
    if float(facts["alpha"]) <= 0.01 and facts["n_calibration"] < _MANY:
        low, high = facts["band"]
        yield (
            f"{facts['n_calibration']} clean scans set the threshold: the true rate may lie anywhere from {low:.1%} to "
            f"{high:.1%}. {_MANY} narrow that to 0.5 % to 1.7 % at a stated 1 %."
        )


def _shortcut(static: Static) -> Iterator[str]:
    shortcuts = [row for row in static.beside.shortcuts if row.against == "clean" and row.auroc.value is not None]
    if shortcuts:
        best = max(shortcuts, key=lambda row: row.auroc.value or 0.0)
        at = "" if best.level is None else f" at {best.level:g}/255"
        yield (
            f"A single feature of the file, the {best.feature}, separates attacked from clean scans with an AUROC of "
            f"{ranged(best.auroc)}{at}. Where that is as much as the detector's, its headline shows no skill of "
            "its own; the rows beside the headline are what is left."
        )


def _found_overall(cells: Sequence[Cell]) -> float | None:
    n = sum(cell.n for cell in cells)
    return sum((cell.found.value or 0.0) * cell.n for cell in cells) / n if n else None
