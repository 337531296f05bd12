"""What stands beside the headline of every seed, as one: counts added up, AUROCs averaged."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from benchmarks.detector_work import Json
from pipeline.detection.protocol_rows import BackgroundRow, Beside, PairedRow, ReencodedRow, SurvivorRow
from pipeline.detection.statistics import Interval, rate

_Row = TypeVar("_Row")

WORDS = (
    "AUROC: the mean of the seeds, in brackets the lowest and the highest of them. Shares: of the files of all seeds, "
    "in brackets exact 95 % intervals of so many files, look-alikes counted as files of their own."
)
"""How these figures are to be read."""


def pooled_beside(notes: Iterable[Json]) -> Beside:
    """The rows of all seeds; what is compared in other tables, noise of equal norm and single features, is left out."""
    every = [note["report"]["beside"] for note in notes]
    return Beside(
        paired=tuple(_pooled(every, "paired", ("what", *_CELL), _paired)),
        background=tuple(_pooled(every, "background", _CELL, _background)),
        reencoded=tuple(_pooled(every, "reencoded", ("file_format",), _reencoded)),
        survivors=tuple(_pooled(every, "survivors", ("change", *_CELL), _survivor)),
    )


def pooled_share(of: Iterable[tuple[Json, int]]) -> Interval:
    """A share of all files of all seeds, from each seed's share and number of files."""
    told = [(one, n) for one, n in of if one["value"] is not None]
    return rate(sum(round(one["value"] * n) for one, n in told), sum(n for _, n in told))


_CELL = ("attack", "eps", "region")


def _pooled(
    every: Sequence[Json], table: str, key: Sequence[str], make: Callable[[dict[str, Any], list[Json]], _Row]
) -> list[_Row]:
    """A row a key, from the rows of all seeds."""
    groups: dict[tuple[Any, ...], list[Json]] = {}
    for beside in every:
        for row in beside.get(table, ()):
            groups.setdefault(tuple(row[name] for name in key), []).append(row)
    return [make(dict(zip(key, of, strict=True)), rows) for of, rows in groups.items()]


def _paired(key: dict[str, Any], rows: list[Json]) -> PairedRow:
    return PairedRow(
        **key, n=_n(rows), auroc=_mean(rows), flagged=_share(rows, "flagged"), fooled=_share(rows, "fooled")
    )


def _background(key: dict[str, Any], rows: list[Json]) -> BackgroundRow:
    return BackgroundRow(
        **key,
        n=_n(rows),
        n_clean=sum(row["n_clean"] for row in rows),
        auroc=_mean(rows),
        auroc_before=_mean(rows, "auroc_before"),
        found=_share(rows, "found"),
    )


def _reencoded(key: dict[str, Any], rows: list[Json]) -> ReencodedRow:
    return ReencodedRow(**key, n=_n(rows), auroc=_mean(rows), flagged=_share(rows, "flagged"))


def _survivor(key: dict[str, Any], rows: list[Json]) -> SurvivorRow:
    fooling = [round(row["n"] * (row["fooling"]["value"] or 0)) for row in rows]
    return SurvivorRow(
        **key,
        n=_n(rows),
        fooling=_share(rows, "fooling"),
        flagged_fooling=pooled_share((row["flagged_fooling"], n) for row, n in zip(rows, fooling, strict=True)),
        flagged=_share(rows, "flagged"),
    )


def _n(rows: Iterable[Json]) -> int:
    return sum(row["n"] for row in rows)


def _share(rows: Iterable[Json], figure: str) -> Interval:
    return pooled_share((row[figure], row["n"]) for row in rows)


def _mean(rows: Iterable[Json], figure: str = "auroc") -> Interval:
    """Of the seeds that saw anything, with the lowest and the highest of them."""
    seen = [row[figure]["value"] for row in rows if row[figure]["value"] is not None]
    return Interval(sum(seen) / len(seen), min(seen), max(seen)) if seen else Interval(None, None, None)
