"""Reports as they were kept, read back: what an older one does not have is left empty, and can be named."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from typing import Any, TypeVar

from datasets.adversarial_store import WHOLE_IMAGE
from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.detection.adaptive_report import AttackCell, BestRow, Price
from pipeline.detection.comparison_report import ComparedCell, Comparison, MethodReport
from pipeline.detection.drawn_rows import Drawn, Example, Histogram, RocCurve, Sources
from pipeline.detection.naming_figures import NamingFigures
from pipeline.detection.protocol_rows import (
    BackgroundRow,
    Beside,
    Coverage,
    EqualNormRow,
    HandedOut,
    MarginRow,
    OperatingRow,
    PairedRow,
    ReencodedRow,
    ShortcutRow,
    StrictRate,
    SurvivorRow,
)
from pipeline.detection.report import Cell, ControlRow
from pipeline.detection.statistics import NOTHING, Interval

Facts = Mapping[str, Any]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Static:
    """A report on attacks that do not know the detector; None or empty is what it lacks."""

    facts: Facts
    cells: tuple[Cell, ...]
    controls: tuple[ControlRow, ...]
    clean_alarms: Interval
    by_class: Mapping[str, Interval]
    strict: StrictRate | None
    coverage: Coverage | None
    handed_out: HandedOut | None
    naming: NamingFigures | None
    beside: Beside
    drawn: Drawn | None
    sources: Sources | None

    @property
    def missing(self) -> tuple[str, ...]:
        """What a report of now would have besides."""
        lacking = {
            "the controls beside the headline": self.beside == Beside(),
            "curves, score histograms and examples": self.drawn is None,
            "hashes of what was judged": self.sources is None,
            "what passes the gate, clean and attacked": self.coverage is None or self.handed_out is None,
        }
        return tuple(what for what, lacks in lacking.items() if lacks)


@dataclass(frozen=True)
class Adaptive:
    """A report on attackers who know the detector."""

    facts: Facts
    rows: tuple[BestRow, ...]
    cells: tuple[AttackCell, ...]
    price: Price


@dataclass(frozen=True)
class Compared:
    """A comparison with other ways of detecting, or why there is none."""

    facts: Facts
    found: Comparison | None

    @property
    def refused(self) -> str:
        """Why there is none; empty where there is one."""
        return str(self.facts.get("refused", ""))


def read_static(facts: Facts) -> Static:
    """A kept report, of this form or an older one."""
    return Static(
        facts=facts,
        cells=tuple(_cell(cell) for cell in facts.get("cells", ())),
        controls=tuple(_control(row) for row in facts.get("controls", ())),
        clean_alarms=_interval(facts.get("clean_alarms")),
        by_class={name: _interval(found) for name, found in facts.get("clean_alarms_by_class", {}).items()},
        strict=_maybe(StrictRate, facts.get("strict")),
        coverage=_maybe(Coverage, facts.get("coverage")),
        handed_out=_maybe(HandedOut, facts.get("handed_out")),
        naming=_maybe(NamingFigures, facts.get("naming")),
        beside=_beside(facts.get("beside") or {}),
        drawn=_drawn(facts.get("drawn")),
        sources=_maybe(Sources, facts.get("sources")),
    )


def read_adaptive(facts: Facts) -> Adaptive:
    """A kept report on attackers who know the detector."""
    rows, cells = (tuple(facts.get(name, ())) for name in ("rows", "cells"))
    price = {name: tuple(facts["price"][name]) for name in ("grid", "classifier", "gate")}
    return Adaptive(
        facts, tuple(_row(BestRow, row) for row in rows), tuple(_row(AttackCell, row) for row in cells), Price(**price)
    )


def read_compared(facts: Facts) -> Compared:
    """What was kept of a comparison, or of its refusal."""
    return Compared(facts, None if "refused" in facts else read_comparison(facts))


def read_comparison(facts: Facts) -> Comparison:
    """A comparison with other ways of detecting."""
    methods = tuple(
        MethodReport(
            **{name: method[name] for name in ("name", "source", "ms")},
            clean_alarms=_interval(method["clean_alarms"]),
            cells=tuple(_row(ComparedCell, cell) for cell in method["cells"]),
            controls=tuple(_control(row) for row in method["controls"]),
        )
        for method in facts["methods"]
    )
    return _row(Comparison, {**facts, "methods": methods})


def attack_at(attack: str, eps: float, region: str = WHOLE_IMAGE) -> str:
    """An attack at its radius, for people."""
    name = type_name(attack) if region == WHOLE_IMAGE else f"{type_name(attack)}, {region}"
    return f"{name}, {radius_words(eps, attack)}" if eps > 0 else name


def _interval(values: object) -> Interval:
    return Interval(**values) if isinstance(values, dict) else NOTHING


def _value(values: object) -> object:
    if isinstance(values, dict) and set(values) == {"value", "low", "high"}:
        return Interval(**values)
    return tuple(_value(one) for one in values) if isinstance(values, list) else values


def _row(cls: type[Row], values: Facts) -> Row:
    """A row from its JSON values; names that the row does not have are left out."""
    known: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]  # Every row is a dataclass.
    return cls(**{field.name: _value(values[field.name]) for field in known if _asked(field, values)})


def _asked(field: Field[Any], values: Facts) -> bool:
    return field.name in values or (field.default is MISSING and field.default_factory is MISSING)


def _maybe(cls: type[Row], values: Facts | None) -> Row | None:
    try:
        return _row(cls, values) if values else None
    except KeyError:
        return None  # Of an older form: named as missing.


def _cell(values: Facts) -> Cell:
    older = {name: {"value": None, "low": None, "high": None} for name in ("found_strict", "handed_out")}
    usual = {"region": WHOLE_IMAGE, "named": {}, "n_failed": 0, "n_unchanged": 0, "n_clean_wrong": 0}
    told = {"failed_flagged": older["found_strict"], "type_right": None, "family_right": None}
    return _row(Cell, {**older, **usual, **told, **values})


def _control(values: Facts) -> ControlRow:
    found = values.get("auroc_attacked")
    return _row(ControlRow, {**values, "auroc_attacked": float("nan") if found is None else found})


def _beside(facts: Facts) -> Beside:
    kinds = {
        "operating": OperatingRow,
        "margins": MarginRow,
        "equal_norm": EqualNormRow,
        "paired": PairedRow,
        "background": BackgroundRow,
        "reencoded": ReencodedRow,
        "survivors": SurvivorRow,
        "shortcuts": ShortcutRow,
    }
    rows: dict[str, Any] = {
        name: tuple(found for row in facts.get(name, ()) if (found := _maybe(kind, row)) is not None)
        for name, kind in kinds.items()
    }
    return Beside(**rows, background_clean=_interval(facts.get("background_clean")))


def _drawn(facts: Facts | None) -> Drawn | None:
    if not facts:
        return None
    histogram = facts["histogram"]
    counts = {name: tuple(bins) for name, bins in histogram["counts"].items()}
    return Drawn(
        tau=facts["tau"],
        strict_tau=facts["strict_tau"],
        smallest_rate=facts["smallest_rate"],
        roc=tuple(_row(RocCurve, curve) for curve in facts["roc"]),
        histogram=Histogram(tuple(histogram["edges"]), counts),
        examples=tuple(_row(Example, one) for one in facts["examples"]),
    )
