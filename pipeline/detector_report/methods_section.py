"""The other ways of detecting beside a detector, and what each costs."""

from collections.abc import Sequence

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.detection.comparison_report import Comparison, MethodReport
from pipeline.detection.statistics import Interval
from pipeline.detector_report.blocks import Block, Section, Table, Words
from pipeline.detector_report.figures import Compared


def not_compared(detector_id: str) -> str:
    """What is said where no other way was judged."""
    return (
        "No other way of detecting was judged beside this one. To judge them, and what each costs, run: "
        f".venv/bin/python -m pipeline compare-detectors {detector_id}"
    )


def methods_section(compared: Compared | None, detector_id: str) -> Section:
    """Every way on the same scans, at the same rate of false alarms; or why there is none to show."""
    if compared is None:
        blocks: tuple[Block, ...] = (Words(not_compared(detector_id)),)
    elif compared.found is None:
        blocks = (Words(f"The other ways of detecting could not be judged beside this one: {compared.refused}."),)
    else:
        blocks = _blocks(compared.found)
    return Section("Other ways of detecting, and what each costs", "methods", blocks)


def _blocks(found: Comparison) -> tuple[Block, ...]:
    methods = found.methods
    numbered = [f"{k}. {method.name}" for k, method in enumerate(methods, 1)]
    # Whole names would not fit above so many columns.
    short = tuple(f"{k}." for k in range(1, len(methods) + 1))
    costs = tuple(
        (name, method.source, f"{method.ms:.1f}", f"{method.ms / found.classifier_ms:.2f}")
        for name, method in zip(numbered, methods, strict=True)
    )
    by_attack = ("attack", "eps", "n", *short)
    return (
        Words(_how(found)),
        Table("What each adds to the classifier", ("way", "after", "milliseconds", "of the classifier's"), costs, 2),
        Table(f"Found at a stated rate of {found.alpha:.1%}", by_attack, _by_attack(methods, "found"), 2),
        Table("AUROC against clean scans", by_attack, _by_attack(methods, "auroc"), 2),
        Table("Clean scans flagged", ("clean scans", "n", *short), _false_alarms(found)),
    )


def _how(found: Comparison) -> str:
    learned = ", ".join(f"{n} {kind}" for kind, n in found.learned_from.items())
    low, high = found.flagged_range
    return (
        f"All learned from the same {learned} scans of the detector split; what this detector learned is taken as it "
        "is, also where attacks or radii were kept from it, which the others are shown. Each has a threshold of its "
        f"own from {found.n_calibration} clean calibration scans, which let expect between {low:.2%} and {high:.2%} of "
        f"{found.n_clean} clean scans flagged. The time is the median that one thread spends on one "
        f"{found.size[0]}x{found.size[1]} scan, not compiled; the classifier's own pass takes "
        f"{found.classifier_ms:.1f} ms. Intervals are in the JSON."
    )


def _by_attack(methods: Sequence[MethodReport], figure: str) -> tuple[tuple[str, ...], ...]:
    rows = []
    for place, cell in enumerate(methods[0].cells):
        figures = (_shown(getattr(method.cells[place], figure), figure) for method in methods)
        rows.append((type_name(cell.attack), radius_words(cell.eps, cell.attack), str(cell.n), *figures))
    return tuple(rows)


def _false_alarms(found: Comparison) -> tuple[tuple[str, ...], ...]:
    as_they_are = (_shown(method.clean_alarms, "found") for method in found.methods)
    rows = [("as imported", str(found.n_clean), *as_they_are)]
    for place, control in enumerate(found.methods[0].controls):
        flagged = (_shown(method.controls[place].flagged, "found") for method in found.methods)
        rows.append((control.name.replace("_", " "), str(control.n), *flagged))
    return tuple(rows)


def _shown(found: Interval, figure: str) -> str:
    if found.value is None:
        return "-"
    return f"{found.value:.4f}" if figure == "auroc" else f"{found.value:.1%}"
