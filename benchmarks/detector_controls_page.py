"""What a detector could have learned instead, on the results page: file history, noise, harmless changes."""

from collections.abc import Iterator

from benchmarks.detector_figures import Found, against, flagged
from benchmarks.detector_goal import told
from benchmarks.detector_stages import STATIC
from benchmarks.tables import table
from pipeline.detection.controls import EQUAL_NORM, REPORTED_CONTROLS, noise_name
from pipeline.detection.pooled import Pooled


def controls_page(found: Found) -> Iterator[str]:
    """Single features in the detector's place, noise of equal norm, and every harmless change."""
    yield from _shortcuts(found)
    yield from _noise(found)
    yield from _controls(found)


def _shortcuts(found: Found) -> Iterator[str]:
    rows = found.rows("shortcuts")
    if not any(rows):
        return
    yield from ("", "## What one feature of the file tells by itself", "")
    yield (
        "AUROC of the same attacks, whichever way the feature goes, the mean over seeds. Where it is as high as the "
        "detector's, the detector's own figure against clean files proves nothing that the feature does not."
    )
    yield ""
    keys = list(dict.fromkeys((row["feature"], row["against"]) for some in rows for row in some))
    levels = sorted({row["level"] for some in rows for row in some}, key=lambda level: level or 99)

    def figure(key: tuple[str, str], level: float | None) -> str:
        seen = [
            row["auroc"]["value"]
            for some in rows
            for row in some
            if (row["feature"], row["against"]) == key and row["level"] == level and row["auroc"]["value"] is not None
        ]
        return f"{sum(seen) / len(seen):.3f}" if seen else "-"

    yield from table(
        ["feature", "against", *("without radius" if level is None else f"{level:g}/255" for level in levels)],
        ([*key, *(figure(key, level) for level in levels)] for key in keys),
    )


def _noise(found: Found) -> Iterator[str]:
    notes = found.of(STATIC)
    if not notes:
        return
    yield from ("", "## Attacks against noise of equal norm", "")
    yield from table(
        ["noise", "attacks", "AUROC", "noise flagged"],
        (
            [noise_name(*key), str(figure.n), told(figure, False), told(flagged(notes, noise_name(*key)), True)]
            for key in EQUAL_NORM
            for figure in [against(notes, noise_name(*key), key[1])]
        ),
    )


def _controls(found: Found) -> Iterator[str]:
    notes = found.of(STATIC)
    if not notes:
        return
    yield from ("", "## Harmless changes flagged", "")
    some: list[tuple[str, Pooled]] = [(name, flagged(notes, name)) for name in REPORTED_CONTROLS]
    yield from table(["change", "n", "flagged"], ([name, str(one.n), told(one, True)] for name, one in some))
