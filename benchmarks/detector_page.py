"""docs/results/detector.md and .json: the goals first, then every cell behind them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.detector_adaptive import adaptive_page
from benchmarks.detector_beside_page import attacked_page, beside_page
from benchmarks.detector_controls_page import controls_page
from benchmarks.detector_figures import Cell, Found, cells
from benchmarks.detector_goal import Goal, told
from benchmarks.detector_methods import methods_page
from benchmarks.detector_plan import SIGN_ATTACKS
from benchmarks.detector_stages import HARD, LEAVE_OUT, NEVER, OTHER, PAST, STAGES, STATIC, UNSEEN_EPS, VARIANTS
from benchmarks.detector_work import Json
from benchmarks.tables import share, table
from datasets.atomic import replacing, write_json


@dataclass(frozen=True)
class Told:
    """What the page is made from.

    Attributes:
        head: what it is about, and on what.
        caveats: why these are not the figures that were asked for; none where they are.
        adaptive: what `withstood` found, by whose classifier; empty where it was not run.
        methods: what `compared` found; empty where it was not run.
        facts: seeds, ids and machine, for the JSON.
    """

    head: Sequence[str]
    caveats: Sequence[str]
    found: Found
    goals: Sequence[Goal]
    adaptive: dict[str, Json]
    methods: Json
    speed: Sequence[Json]
    facts: Json


def caveats(
    found: Found, seeds: Sequence[int], limit: int | None, sources: str, *, parts: Mapping[str, Iterable[str]]
) -> list[str]:
    """What keeps the figures from being those of the protocol.

    Args:
        found: all notes.
        seeds: of the protocol.
        limit: test scans at most.
        sources: the code of now, see `sources_id`.
        parts: by stage, what one seed of it measures; what is not installed is left out, and what was not run yet.
    """
    said = []
    if limit is not None:
        said.append(f"A try on at most {limit} test scans: these figures show that every stage runs, and no more.")
    for stage in STAGES:
        missing = sorted(set(seeds) - set(found.seeds(stage)))
        if missing:
            said.append(f"Not run: `{stage}` for seed {', '.join(map(str, missing))}.")
    for stage, names in parts.items():
        for seed in found.seeds(stage):
            lacking = [name for name in names if seed not in {int(note["seed"]) for note in found.of(stage, name)}]
            if lacking:
                said.append(f"Not run: `{stage}` for seed {seed} of {', '.join(lacking)}.")
    stale = sorted({note["stage"] for note in found.notes if note["sources"] != sources})
    if stale:
        said.append(f"Kept from an earlier state of the detector's code: {', '.join(stale)}.")
    return said


def write_page(stem: Path, page: Told) -> None:
    """Write `stem`.md and `stem`.json."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacing(stem.with_suffix(".md")) as incoming:
        incoming.write_text("\n".join(_lines(page)) + "\n", encoding="utf-8")
    facts = {
        **page.facts,
        "caveats": list(page.caveats),
        "goals": [asdict(goal) for goal in page.goals],
        "cells": {
            f"{stage}: {what}": [asdict(cell) for cell in cells(page.found.of(stage, what))]
            for stage in STAGES
            for what in page.found.whats(stage)
        },
        "reports": [{key: note[key] for key in ("stage", "seed", "what", "report")} for note in page.found.notes],
        "adaptive": page.adaptive,
        "methods": page.methods,
        "speed": list(page.speed),
    }
    write_json(stem.with_suffix(".json"), facts)


def _lines(page: Told) -> Iterator[str]:
    yield from page.head
    if page.caveats:
        yield from ("**Not the whole protocol.**", "", *(f"- {each}" for each in page.caveats), "")
    yield from ("## Goals", "")
    yield from table(
        ["what", "goal", "value", "n", "met"],
        ([one.what, one.goal, one.value, str(one.n), "yes" if one.met else "**no**"] for one in page.goals),
    )
    found = page.found
    yield from _cell_table("Attacks that the detector was trained on", cells(found.of(STATIC)))
    yield from attacked_page(found)
    for what in found.whats(VARIANTS):
        yield from _cell_table(f"The same detector: {what}", cells(found.of(VARIANTS, what)))
    yield from controls_page(found)
    yield from beside_page(found)
    for what in found.whats(LEAVE_OUT):
        left = what.split(" + ")
        some = cells(found.of(LEAVE_OUT, what), lambda cell, left=left: cell["attack"] in left)
        yield from _cell_table(f"Never shown {what}", some)
    yield from _cell_table(
        "Shown one radius alone", cells(found.of(UNSEEN_EPS), lambda cell: cell["attack"] in SIGN_ATTACKS)
    )
    for what in found.whats(NEVER):
        yield from _cell_table(f"Never trained on by any seed: {what}", cells(found.of(NEVER, what)))
    for what in found.whats(OTHER):
        yield from _cell_table(f"Attacks on another classifier, {what}", cells(found.of(OTHER, what)))
    for what in found.whats(PAST):
        notes = found.of(PAST, what)
        yield from _cell_table(f"Attacks on test scans {what}", cells(notes))
        alarms = (share(note["report"]["clean_alarms"]) for note in notes)
        yield from ("", f"Of these scans as they are, before any attack, are flagged: {', '.join(alarms)}.")
    yield from _cell_table("A hardened classifier, with attacks and a detector of its own", cells(found.of(HARD)))
    yield from adaptive_page(page.adaptive)
    yield from methods_page(page.methods)
    yield from ("", "The JSON beside this page has the whole report of every seed and stage.")


def _cell_table(title: str, some: Sequence[Cell]) -> Iterator[str]:
    if not some:
        return
    yield from ("", f"## {title}", "")
    yield from table(
        ["attack", "n", "groups", "AUROC", "found at 1 %", "at the strictest rate"],
        (
            [cell.name, str(cell.auroc.n), str(cell.auroc.n_groups), *(_figures(cell) if cell.found.n else _NO_SUCCESS)]
            for cell in some
        ),
    )


def _figures(cell: Cell) -> tuple[str, str, str]:
    return told(cell.auroc, False), told(cell.found, True), told(cell.found_strict, True)


_NO_SUCCESS = ("no success", "-", "-")
