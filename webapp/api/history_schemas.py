"""What the API takes and gives of histories, with limits and examples."""

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range

from pipeline.provenance.croissant import SAID
from pipeline.provenance.event import REASON_LEAST, REASON_MOST, EventKind
from webapp.queries.changes import WORDS

_LENGTH = Length(0, REASON_MOST)
_KINDS = "; ".join(f"{name}: {words}" for name, words in WORDS.items())


class EventTold(Schema):
    """One event of a history."""

    seq = Integer()
    kind = String(validate=OneOf([str(kind) for kind in EventKind]))
    at = String(metadata={"description": "UTC, ISO 8601."})
    by = String()
    subject = String(metadata={"description": "What it happened to, as datasets/ID, models/ID, gates/ID."})
    what = Dict(metadata={"description": "Facts from which it could be done again; parents; manifest afterwards."})
    previous = String(metadata={"description": "SHA-256 of the event before, 64 zeros where there is none."})
    sha256 = String()


class TrustTold(EventTold):
    """The event by which somebody vouches; of its own name, since the document holds each name once."""


class AncestorTold(Schema):
    """An artefact that another one descends from."""

    subject = String()
    depth = Integer(metadata={"description": "1 for what it was made of itself."})
    missing = String(metadata={"description": "Why there is no history to tell; empty where there is one."})
    events = List(Nested(EventTold))


class HistoryTold(Schema):
    """The signed history of an artefact, after every link and the signature were checked."""

    id = String()
    kind = String()
    name = String()
    subject = String()
    events = List(Nested(EventTold))
    descent = List(Nested(AncestorTold), metadata={"description": "In the order of their distance."})


class VerificationTold(Schema):
    """What a verification found; a page of it."""

    id = String()
    ok = Boolean(metadata={"description": "Whether it is what its history says: unchanged, which is not correct."})
    at = String()
    by = String()
    n_events = Integer()
    n_files = Integer(metadata={"description": "Images and files that were hashed."})
    seconds = Float()
    outdated = Boolean(metadata={"description": "Whether events were added since."})
    items = List(String(), metadata={"description": "What differs: files, images, labels, weights, the broken link."})
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class ChangesOf(Schema):
    """Which changes to give."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))
    what = String(load_default="", validate=OneOf(["", *WORDS]), metadata={"description": _KINDS})


class DifferenceTold(Schema):
    """One thing that is not as it was."""

    subject = String(metadata={"description": "What differs: the artefact itself, or one that it descends from."})
    what = String(validate=OneOf(list(WORDS)))
    name = String()
    index = Integer(allow_none=True)
    now = String()
    was = String()


class ComparedTold(Schema):
    """What was held against the word that somebody gave."""

    subject = String(metadata={"description": "The artefact itself, or one that it descends from."})
    since = Nested(EventTold, metadata={"description": "Its own trust event, or that of what it was made of."})
    n = Integer(metadata={"description": "Differences."})


class UnvouchedTold(Schema):
    """An artefact of the descent that nobody vouched for, or that itself."""

    subject = String()
    missing = String(metadata={"description": "Why the descent cannot be followed on there; empty where it can."})


class ChangesTold(Schema):
    """What changed in an artefact since somebody vouched for it, or for what it descends from."""

    id = String()
    since = Nested(EventTold, metadata={"description": "Of the first of `compared`."})
    compared = List(Nested(ComparedTold), metadata={"description": "One for each nearest word on a line of descent."})
    unvouched = List(Nested(UnvouchedTold), metadata={"description": "What nobody vouched for, itself first."})
    at = String(metadata={"description": "When it was compared, of a large artefact; empty: just now."})
    counts = Dict(metadata={"description": "Changes of each kind."})
    events = List(Nested(EventTold), metadata={"description": "What was done since."})
    items = List(Nested(DifferenceTold))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class NewTrust(Schema):
    """Somebody vouches for an artefact as it is."""

    why = String(
        required=True,
        validate=Length(REASON_LEAST, REASON_MOST),
        metadata={"description": "What was looked at, by whom and how; signed with the name of the key's owner."},
    )


class CroissantOf(Schema):
    """What only people know of a data set."""

    license = String(load_default="", validate=_LENGTH, metadata={"description": f"{SAID['license'].capitalize()}."})
    creator = String(load_default="", validate=_LENGTH, metadata={"description": f"{SAID['creator'].capitalize()}."})
    url = String(load_default="", validate=_LENGTH, metadata={"description": f"{SAID['url'].capitalize()}."})
    cite = String(load_default="", validate=_LENGTH, metadata={"description": f"{SAID['cite'].capitalize()}."})


TRUST_EXAMPLE = {"why": "Two readers looked at every image and agreed on its label."}
