"""What is not as it was when somebody vouched for an artefact, one page at a time."""

from collections import Counter
from dataclasses import dataclass

from pipeline.provenance.chain import read_history
from pipeline.provenance.descent import Changes, changes, lineage, trusted_root
from pipeline.provenance.differences import Difference
from pipeline.provenance.event import Event
from pipeline.provenance.kept import last_examination
from pipeline.provenance.manifest import FILES
from webapp.problems import Refusal
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
class ChangesView:
    """What changed since the trusted root.

    Attributes:
        since: the event that it is compared with.
        root: whose event that is: its own, or one that it descends from.
        counts: how many differences of each kind, in the order of `WORDS`.
        what: the kind that is shown; "" for all.
        page: some of them.
        events: what was done since, from the trusted one downwards.
        at: when it was compared, where that was not just now.
    """

    since: Event
    root: Made
    counts: dict[str, int]
    what: str
    page: Page[Difference]
    events: tuple[Event, ...]
    at: str = ""


def is_large(row: Artefact) -> bool:
    """Whether reading all of it takes longer than a request should."""
    folder, _ = place_of(row)
    names = FILES[folder.parent.name]
    size = sum((folder / name).stat().st_size for name in names if (folder / name).is_file())
    return int(row.facts.get("n", 0)) > LARGE_ITEMS or size > LARGE_BYTES


def changes_view(row: Artefact, *, what: str, number: int, size: int = _PAGE) -> ChangesView:
    """What changed in an artefact since its trusted root; of a large one as the last verification found it.

    Raises:
        NoHistory: it has none, or nobody vouched for anything that it descends from.
        BrokenHistory: its history, or that of the trusted one, is not whole.
        Refusal: it is large, and was not verified since its newest event.
    """
    found, at = _found(row)
    counted = Counter(one.what for one in found.differences)
    counts = {name: counted[name] for name in WORDS if counted[name]}
    shown = what if what in counts else ""
    rows = [one for one in found.differences if not shown or one.what == shown]
    return ChangesView(
        since=found.since,
        root=made(found.since.subject),
        counts=counts,
        what=shown,
        page=cut(rows, number, size=size),
        events=_since(row, found.since),
        at=at,
    )


def _found(row: Artefact) -> tuple[Changes, str]:
    folder, root = place_of(row)
    if not is_large(row):
        return changes(folder, root), ""
    head, since = read_history(folder, root)[-1].sha256, trusted_root(folder, root)
    kept = last_examination(folder, root)
    if kept is None or kept.changes is None or (kept.head, kept.changes.since) != (head, since):
        raise Refusal(
            409,
            "not_compared",
            "Not compared yet",
            f"{row.name} is large, so that it is compared while it is verified, and it was not verified since its "
            "newest event, or since somebody vouched for it.",
            "Order a verification on the page of its history, or by POST to its verify; then come back.",
        )
    return kept.changes, kept.at


def _since(row: Artefact, since: Event) -> tuple[Event, ...]:
    """The events after the trusted one: of its own artefact, and of all between that one and this."""
    folder, root = place_of(row)
    after = []
    for ancestor in reversed(lineage(folder, root)):
        if ancestor.subject == since.subject:
            after = [event for event in ancestor.events if event.seq > since.seq]
        elif ancestor.subject.partition("/")[0] == since.subject.partition("/")[0]:
            after += ancestor.events
    return tuple(after)
