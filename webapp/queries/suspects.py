"""A search for poison as it was kept: what every finder flags, the ranked suspects, and what was decided of each."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from datasets.atomic import read_json
from pipeline.pictures import shown_png
from webapp.context import context, database
from webapp.errors import UnknownRecord
from webapp.jobs.finding import REPORT_FILE
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.suspects import Ruling, SuspectDecision

FUSED = "fused"
ANY, UNDECIDED = "any", "undecided"
DECISIONS = (UNDECIDED, *Ruling)
SUSPECTS_PER_PAGE = 24

FINDERS = {
    FUSED: "all of the others, each for what it is quiet about on clean data",
    "trusted reference": "labels that a model of the trusted images contradicts",
    "activation clustering": "classes whose features fall into two clusters, one small and apart",
    "spectral signatures": "images far along the first direction of their class's features",
    "confident labels": "labels that models of the other images do not believe",
    "patch scan": "levels that repeat at one place in one class and end abruptly",
}
"""Every finder with what it looks for, the one to begin with first."""


@dataclass(frozen=True)
class Suspect:
    """An image that at least one finder flags; `suggested` is None where nobody has another class for it.

    `score` is that of the finder that the list is of, `scores` has those of all; of an old search `fused` alone.
    """

    index: int
    name: str
    label: int
    suggested: int | None
    score: float
    scores: Mapping[str, float]
    flagged_by: tuple[str, ...]
    decision: SuspectDecision | None


def finding_of(row: Artefact) -> dict[str, Any]:
    """The report of a search: what `Suspects.to_json` gives, with "name", "dataset", "classes" and "unpoisoned"."""
    return {**_kept(context().path(row.folder)), "name": row.name}


def decisions_of(finding_id: str) -> dict[int, SuspectDecision]:
    """What was decided, by item."""
    query = select(SuspectDecision).where(SuspectDecision.finding_id == finding_id)
    with database().reading() as session:
        return {one.item: one for one in session.scalars(query)}


def confirmed(finding_id: str) -> tuple[list[int], dict[int, int]]:
    """The items that are confirmed to be dropped, upwards, and those to be relabelled, with their true class."""
    decided = sorted(decisions_of(finding_id).items())
    dropped = [item for item, one in decided if one.decision is Ruling.DROP]
    return dropped, {item: one.label for item, one in decided if one.label is not None}


def counts_of(
    report: Mapping[str, Any], decided: Mapping[int, SuspectDecision], *, finder: str = ANY
) -> dict[str, int]:
    """How many of the suspects of a finder, or of any, are undecided, and how many were decided each way."""
    found = suspects_of(report, decided, finder=finder)
    counts = Counter(UNDECIDED if one.decision is None else str(one.decision.decision) for one in found)
    return {name: counts[name] for name in map(str, DECISIONS)}


def suspects_of(
    report: Mapping[str, Any], decided: Mapping[int, SuspectDecision], *, finder: str = FUSED, decision: str = ANY
) -> list[Suspect]:
    """The suspects that a finder flags, or any, and that were decided so, its most suspicious first.

    Those of any finder are in the order of `fused`, as those of a search that was kept before others' scores were.
    """
    found, own = [], FUSED if finder == ANY else finder
    for told in report["suspects"]:
        one = decided.get(told["index"])
        if finder != ANY and finder not in told["flagged_by"]:
            continue
        if decision != ANY and decision != (UNDECIDED if one is None else one.decision):
            continue
        suggested = None if told["suggested"] == told["label"] else told["suggested"]
        scores = told.get("scores") or {FUSED: told["score"]}
        score, flagged_by = scores.get(own, told["score"]), tuple(told["flagged_by"])
        found.append(Suspect(told["index"], told["name"], told["label"], suggested, score, scores, flagged_by, one))
    return found if own == FUSED else sorted(found, key=lambda one: -one.scores.get(own, 0.0))


def suspect_png(report: Mapping[str, Any], item: int) -> bytes:
    """The picture of a suspect.

    Raises:
        UnknownRecord: it is no suspect of this search, or the data set is gone.
    """
    if all(one["index"] != item for one in report["suspects"]):
        raise UnknownRecord(f"Image {item} of {report['dataset']} is no suspect of this search. See its list.")
    dataset = open_stored_dataset(artefact(ArtefactKind.DATASET, report["dataset_id"]))
    return shown_png(dataset.levels(item), dataset.items[item].bits)


@lru_cache(maxsize=8)
def _kept(folder: Path) -> dict[str, Any]:
    # A finding never changes under its id.
    report: Any = read_json(folder / REPORT_FILE)
    return dict(report)
