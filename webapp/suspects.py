"""Decisions on suspects: each image is confirmed, by a drop or a new label, or cleared; all of it can be taken back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from pipeline.errors import BadPoison
from webapp.context import database
from webapp.queries.suspects import ANY, UNDECIDED, decisions_of, finding_of, suspects_of
from webapp.records.artefacts import Artefact
from webapp.records.base import now
from webapp.records.suspects import Ruling, SuspectDecision

UNDO = "undo"


@dataclass(frozen=True)
class Decided:
    """How many images were decided, and how many of those asked for were left as they are."""

    n_decided: int
    n_left: int


def decide(
    row: Artefact, items: Iterable[int], decision: Ruling, *, by: str, label: int | None = None, skip: bool = False
) -> Decided:
    """Write down what somebody says of suspects; what was said of them before is replaced.

    Args:
        row: of the search.
        items: of the data set that was looked at.
        decision: the same for all.
        by: who decides.
        label: the true class, where they are relabelled; None for the one that is suggested for each.
        skip: leave an image alone that cannot be relabelled so, in place of refusing all.

    Raises:
        BadPoison: an item is no suspect, or a class is missing, out of range, or the one that the image has already.
    """
    report = finding_of(row)
    known = {one["index"]: one for one in report["suspects"]}
    chosen = sorted(set(items))
    _check_known(report, known, chosen)
    if decision is not Ruling.RELABEL:
        labels: dict[int, int | None] = dict.fromkeys(chosen)
    else:
        wanted = {item: _suggested(known[item]) if label is None else label for item in chosen}
        labels = {item: new for item, new in wanted.items() if _fits(report, known[item], new, skip=skip)}
    with database().transaction() as session:
        # Held, so that two who decide at once do so one after the other.
        session.get_one(Artefact, row.id, with_for_update=True)
        query = select(SuspectDecision).where(SuspectDecision.finding_id == row.id)
        there = {one.item: one for one in session.scalars(query)}
        for item, new in labels.items():
            if item not in there:
                there[item] = SuspectDecision(finding_id=row.id, item=item)
                session.add(there[item])
            one = there[item]
            one.decision, one.label, one.by, one.at = decision, new, by, now()
    return Decided(len(labels), len(chosen) - len(labels))


def undo(row: Artefact, items: Iterable[int]) -> Decided:
    """Take back what was decided of these, so that they are undecided again.

    Raises:
        BadPoison: an item is no suspect.
    """
    report = finding_of(row)
    chosen = set(items)
    _check_known(report, {one["index"]: one for one in report["suspects"]}, sorted(chosen))
    with database().transaction() as session:
        query = select(SuspectDecision).where(SuspectDecision.finding_id == row.id)
        gone = [one for one in session.scalars(query) if one.item in chosen]
        for one in gone:
            session.delete(one)
    return Decided(len(gone), len(chosen) - len(gone))


def flagged_by(row: Artefact, finder: str, *, undecided: bool) -> list[int]:
    """The items that a finder flags, or any finder: those that nobody decided, or those that somebody did.

    Raises:
        BadPoison: no such finder was asked.
    """
    report = finding_of(row)
    if finder != ANY and finder not in report["finders"]:
        raise BadPoison(f"no finder {finder!r} was asked; there are {', '.join(report['finders'])}, or {ANY}")
    found = suspects_of(report, decisions_of(row.id), finder=finder, decision=UNDECIDED if undecided else ANY)
    return [one.index for one in found if undecided or one.decision]


def _check_known(report: Mapping[str, Any], known: Mapping[int, Any], chosen: list[int]) -> None:
    if not chosen:
        raise BadPoison("no image is named; name at least one of the suspects")
    if strange := [item for item in chosen if item not in known]:
        raise BadPoison(
            f"image {strange[0]} of {report['dataset']} is no suspect of this search; decide on those that it lists"
        )


def _suggested(suspect: Mapping[str, Any]) -> int | None:
    suggested: int | None = suspect["suggested"]
    return None if suggested == suspect["label"] else suggested


def _fits(report: Mapping[str, Any], suspect: Mapping[str, Any], label: int | None, *, skip: bool) -> bool:
    """Whether an image can be relabelled so."""
    classes, index = report["classes"], suspect["index"]
    if label is not None and not 0 <= label < len(classes):
        raise BadPoison(f"class {label} is none of {report['dataset']}; use 0 to {len(classes) - 1}")
    if label is not None and label != suspect["label"]:
        return True
    if skip:
        return False
    if label is None:
        raise BadPoison(f"no class is suggested for image {index}; choose its true class")
    raise BadPoison(f"image {index} is labelled {classes[label]} already; choose another class, drop it, or clear it")
