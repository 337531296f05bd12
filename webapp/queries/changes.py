"""What is not as it was when somebody vouched for an artefact, one page at a time."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import BrokenHistory, NoHistory
from pipeline.provenance.chain import read_history
from pipeline.provenance.descent import Changes, Standing, changes, standing
from pipeline.provenance.differences import Difference
from pipeline.provenance.event import Event
from pipeline.provenance.kept import last_examination
from pipeline.provenance.manifest import FILES
from webapp.problems import Refusal
from webapp.queries.artefacts import named
from webapp.queries.history import Made, made, place_of
from webapp.queries.paging import Page, cut
from webapp.records.artefacts import Artefact

LARGE_ITEMS, LARGE_BYTES = 5_000, 64 << 20
"""Above one of these an artefact is read by a job: within, it takes a request about a second."""

WORDS = {
    "added": "added",
    "removed": "removed",
    "label": "relabelled",
    "pixels": "other pixels",
    "split": "in another split",
    "file": "of another file",
    "group": "in another group",
    "order": "in another place",
    "classes": "classes",
    "sha256": "files of another content",
}
"""What a difference is called, in the order in which pages tell them."""

_PAGE = 50


@dataclass(frozen=True)
class Compared:
    """What was held against the word that somebody gave.

    Attributes:
        what: the artefact itself, or one that it descends from.
        root: whose event that word is: that artefact's own, or one of its kind that it was made of.
        since: that event.
        n: differences.
    """

    what: Made
    root: Made
    since: Event
    n: int


@dataclass(frozen=True)
class ChangesView:
    """What changed since somebody vouched.

    Attributes:
        compared: one for each word that the artefact stands on, the nearest first.
        unvouched: the artefact itself, or what it descends from, as far as nobody vouched for it; the note says where
            the descent cannot be followed on.
        counts: how many differences of each kind, in the order of `WORDS`.
        what: the kind that is shown; "" for all.
        page: some of them, each with the artefact that differs.
        events: what was done since, from what was vouched for downwards.
        at: when it was compared, where that was not just now.
    """

    compared: tuple[Compared, ...]
    unvouched: tuple[Made, ...]
    counts: dict[str, int]
    what: str
    page: Page[tuple[str, Difference]]
    events: tuple[Event, ...]
    at: str = ""

    @property
    def names(self) -> dict[str, Made]:
        """What each artefact is called that was compared, or that somebody or nobody vouched for."""
        named_here = [one for each in self.compared for one in (each.what, each.root)]
        return {one.subject: one for one in (*named_here, *self.unvouched)}


def is_large(row: Artefact) -> bool:
    """Whether reading all of it takes longer than a request should."""
    folder, _ = place_of(row)
    return int(row.facts.get("n", 0)) > LARGE_ITEMS or _size(folder) > LARGE_BYTES


def compares_large(row: Artefact) -> bool:
    """Whether reading all that is held against somebody's word takes longer than a request should."""
    folder, root = place_of(row)
    try:
        subjects = {one.subject for one in standing(folder, root).roots}
    except (NoHistory, BrokenHistory):
        subjects = set()
    rows = named([subject.rpartition("/")[2] for subject in subjects])
    return any(is_large(one) for one in (row, *rows))


def changes_view(row: Artefact, *, what: str, number: int, size: int = _PAGE) -> ChangesView:
    """What changed in an artefact and in what it descends from; of a large one as the last verification found it.

    Raises:
        NoHistory: it has none, or nobody vouched for anything that it descends from.
        BrokenHistory: its history, or that of one on the way, is not whole.
        Refusal: it is large, and was not verified since its newest event.
    """
    folder, root = place_of(row)
    stands = standing(folder, root)
    found, at = _found(row, stands)
    differences = [(one.subject, told) for one in found for told in one.differences]
    counted = Counter(told.what for _, told in differences)
    counts = {name: counted[name] for name in WORDS if counted[name]}
    shown = what if what in counts else ""
    rows = [one for one in differences if not shown or one[1].what == shown]
    return ChangesView(
        compared=tuple(
            Compared(made(one.subject), made(one.since.subject), one.since, len(one.differences)) for one in found
        ),
        unvouched=tuple(replace(made(one.subject), note=one.missing) for one in stands.unvouched),
        counts=counts,
        what=shown,
        page=cut(rows, number, size=size),
        events=stands.events,
        at=at,
    )


def _found(row: Artefact, stands: Standing) -> tuple[tuple[Changes, ...], str]:
    folder, root = place_of(row)
    if not compares_large(row):
        return changes(folder, root), ""
    head = read_history(folder, root)[-1].sha256
    kept = last_examination(folder, root)
    words = {(one.subject, one.since.sha256) for one in stands.roots}
    if kept is None or kept.head != head or {(one.subject, one.since.sha256) for one in kept.changes} != words:
        raise Refusal(
            409,
            "not_compared",
            "Not compared yet",
            f"{row.name}, or what it descends from, is large, so that it is compared while it is verified, and it was "
            "not verified since its newest event, or since somebody vouched.",
            "Order a verification on the page of its history, or by POST to its verify; then come back.",
        )
    return kept.changes, kept.at


def _size(folder: Path) -> int:
    names = FILES[folder.parent.name]
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())
