"""What the API takes and gives, for checking and for its document."""

from typing import Any

from apiflask import Schema
from apiflask.fields import Boolean, Dict, Float, Integer, List, Nested, String
from apiflask.validators import Length, OneOf, Range, Regexp

from pipeline.gate.decision import TRIGGER

NAME = (Length(1, 120), Regexp(r"\s*\S", error="The name is blank; give it a name."))
SEED = Range(0, 2**31 - 1)
_ID = Length(1, 64)


class ErrorBody(Schema):
    """Why something was refused, and what to do next."""

    code = String()
    title = String()
    detail = String()
    next_step = String()
    reference = String()


class Problem(Schema):
    """A refusal."""

    error = Nested(ErrorBody)


class StripTold(Schema):
    """Whether a scan looks as if it had a backdoor trigger, by STRIP."""

    rate = Float(metadata={"description": "Up to this p-value a scan is held; the share of clean scans that is."})
    band = List(Float(), metadata={"description": "Where the true share lies with 95 %."})
    n_calibration = Integer(metadata={"description": "Clean scans that set the threshold; none is an overlay."})
    by = String(metadata={"description": "parts or sums, how scans and overlays are mixed."})
    n_overlays = Integer(metadata={"description": "Clean scans that each scan is mixed with."})
    p_value = Float(allow_none=True)
    fired = Boolean(allow_none=True)
    guess = String(allow_none=True, metadata={"description": "What is suspected, where it fired.", "example": TRIGGER})


class Screened(Schema):
    """A decision."""

    id = String()
    verdict = String(validate=OneOf(["clean", "adversarial", "uncertain", "not_screened"]))
    reason = String()
    p_value = Float(allow_none=True)
    alpha = Float(allow_none=True)
    alpha_uncertain = Float(allow_none=True)
    band = List(Float(), allow_none=True)
    n_calibration = Integer(allow_none=True)
    held_at_most = Float(
        allow_none=True,
        metadata={"description": "Share of clean scans that is held by design: alpha, with STRIP at most both rates."},
    )
    strip = Nested(StripTold, allow_none=True, metadata={"description": "Of backdoor triggers; null without STRIP."})
    prediction = Dict(allow_none=True, metadata={"description": "Class and probability; null unless clean."})
    attack = Dict(
        allow_none=True,
        metadata={
            "description": "Family, type and probabilities of a suspected attack, or unknown for one like no other."
        },
    )
    models = Dict(metadata={"description": "Ids and SHA-256 of gate, classifier and detector."})
    input_sha256 = String()
    file_type = String(allow_none=True)
    latency_ms = Float(allow_none=True)
    name = String()
    created = String()


class PageOf(Schema):
    """Which page to give."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))
    verdict = String(load_default="", validate=OneOf(["", "clean", "adversarial", "uncertain", "not_screened"]))


class ListOf(Schema):
    """Which page to give."""

    page = Integer(load_default=1, validate=Range(1, 1_000_000))


class ScreenedRow(Screened):
    """One row of a page; of its own name, since the document holds each name once."""


class ScreenedPage(Schema):
    """A page of decisions."""

    items = List(Nested(ScreenedRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class Uploaded(Schema):
    """A file that has arrived."""

    id = String()
    name = String()
    sha256 = String()
    size = Integer()


class ArtefactTold(Schema):
    """A data set, classifier, adversarial set, detector or gate."""

    id = String()
    kind = String()
    name = String()
    state = String()
    parents = List(String())
    facts = Dict()
    created = String()
    active = Boolean(metadata={"description": "Gates only: whether it screens now."})


class ArtefactRow(ArtefactTold):
    """One row of a page; of its own name, since the document holds each name once."""


class ArtefactPage(Schema):
    """A page of artefacts."""

    items = List(Nested(ArtefactRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


class StandardTold(Schema):
    """An entry of a catalogue of attacks that a report belongs to."""

    catalogue = String()
    id = String()
    name = String()
    what = String()


class DetectorReportTold(Schema):
    """What was measured of a detector."""

    format = Integer()
    detector_id = String()
    name = String()
    statement = String()
    static = Dict(metadata={"description": "Under attacks that do not know it, as evaluate-detector wrote it."})
    other_static = List(
        Dict(), metadata={"description": "The same on adversarial sets that are not its own, the last one of each set."}
    )
    not_shown = Dict(
        metadata={"description": "What of its own set it did not learn from: leave_out and only_eps, empty where none."}
    )
    adaptive = Dict(
        allow_none=True,
        metadata={"description": "Under attacks that know it, as attack-gate wrote it; null: never measured."},
    )
    other_adaptive = List(Dict(), metadata={"description": "Further runs of attack-gate that were kept."})
    comparison = Dict(
        allow_none=True, metadata={"description": "Other ways of detecting and what each costs; null without any."}
    )
    missing = List(String(), metadata={"description": "What a report of an older form lacks."})
    limits = List(String())
    standards = List(Nested(StandardTold))


class JobTold(Schema):
    """A job and how far it is."""

    id = Integer()
    kind = String()
    state = String()
    fraction = Float()
    message = String()
    error = String(allow_none=True)
    eta_s = Float(allow_none=True)
    waiting_since = String(
        allow_none=True, metadata={"description": "Since when no worker is at it, UTC; null while one is."}
    )
    elapsed_s = Float(allow_none=True)
    artefact_id = String(allow_none=True)
    url = String()


class JobRow(JobTold):
    """One row of a page; of its own name, since the document holds each name once."""


class JobPage(Schema):
    """A page of jobs."""

    items = List(Nested(JobRow))
    page = Integer()
    n_pages = Integer()
    n_total = Integer()


def page_json(items: list[Any], number: int, n_pages: int, n_total: int) -> dict[str, Any]:
    """A page as JSON."""
    return {"items": items, "page": number, "n_pages": n_pages, "n_total": n_total}
