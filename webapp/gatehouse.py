"""Screening: the active gate of this process, one decision, one row."""

import hashlib
import logging
import time
from dataclasses import replace
from typing import cast

from datasets.errors import BadImage
from datasets.jail import decode_jailed
from datasets.limits import Limits
from datasets.raster import raster_type
from pipeline.errors import BadGate, BrokenHistory
from pipeline.gate.decision import Decision
from pipeline.gate.screening import OpenGate, open_gate
from pipeline.pictures import shown_png
from webapp.context import context
from webapp.decisions import reason_of
from webapp.file_names import shown_name
from webapp.problems import Refusal
from webapp.queries.artefacts import active_gate, idle_gate
from webapp.records.artefacts import Artefact
from webapp.records.screenings import Screening
from webapp.uploads import keep_bytes

_LOG = logging.getLogger(__name__)
_DICOM = slice(128, 132)


def screen_scan(data: bytes, name: str, *, owner_id: int | None, key_id: int | None = None) -> Screening:
    """Screen the bytes of a file through the active gate and write the decision down.

    Raises:
        Refusal: no gate has been released, or it is not what was released; then nothing is decided or written down.
    """
    gate_id, gate = _active()
    shown = shown_name(name)
    decision, image = _decide(gate, data, shown)
    row = Screening(
        gate_id=gate_id,
        sha256=hashlib.sha256(data).hexdigest(),
        name=shown,
        verdict=str(decision.verdict),
        decision=decision.to_json(),
        image=image,
        owner_id=owner_id,
        key_id=key_id,
    )
    with context().database.transaction() as session:
        session.add(row)
    return row


def bad_image(row: Screening, data: bytes) -> Refusal:
    """The refusal of a file that could not be screened, with the id of the row that records it."""
    kind = raster_type(data) or ("dicom" if data[_DICOM] == b"DICM" else None)
    status = 422 if kind or not data else 415
    refusal = Refusal(
        status,
        "not_screened",
        "Image not screened",
        reason_of(row),
        "Send the original file as PNG, JPEG, TIFF, BMP or single-frame DICOM.",
    )
    refusal.fields = {"verdict": row.verdict, "id": row.id, "input_sha256": row.sha256}
    return refusal


def _active() -> tuple[str, OpenGate]:
    row = active_gate()
    if row is None and (idle := idle_gate()) is not None:
        raise Refusal(
            503,
            "no_gate",
            "No gate is active",
            f"The gate {idle.name} is released, and neither it nor another one is active, so that no scan is screened.",
            f"An administrator makes it active under Gates, or by POST /api/v1/gates/{idle.id}/activate.",
        )
    if row is None:
        raise Refusal(
            503,
            "no_gate",
            "No gate is released",
            "Scans cannot be screened before a gate has been released.",
            "An administrator releases one under Gates, or by POST /api/v1/gates.",
        )
    gates = context().gates
    opened = gates.get(row.id)
    if opened is None:
        # One gate a process: a former one would only take memory. What was opened here is also what is given back,
        # since another thread may put its own in place meanwhile.
        opened = _opened(row)
        gates.clear()
        gates[row.id] = opened
    return row.id, cast(OpenGate, opened)


def _opened(row: Artefact) -> OpenGate:
    """The gate in memory, after its files were checked against its signed history: once a process, not once a scan."""
    try:
        found = open_gate(context().path(row.folder))
        if found.gate.id != row.id:  # Whoever takes the history away as well cannot make another gate of this id.
            raise BadGate(f"{row.folder} holds the gate {found.gate.id}, {row.id} was released")
        return found
    except (BadGate, BrokenHistory) as e:
        _LOG.error("gate %s is not opened: %s", row.id, e)
        raise Refusal(
            503,
            "gate_changed",
            "The gate is not what was released",
            f"No scan is screened by it, and there is no verdict: {e}",
            "An administrator looks at the history of this gate under Gates, then brings its folder back from a backup "
            "or makes another gate active.",
        ) from e


def _decide(gate: OpenGate, data: bytes, name: str) -> tuple[Decision, str | None]:
    """The decision and the picture of a file that is decoded once, in a child process."""
    started = time.perf_counter()
    try:
        scan = decode_jailed(data, name=name, limits=Limits(max_bytes=context().settings.max_image_bytes))
    except BadImage as e:
        return gate.not_screened(str(e)), None
    decision = replace(gate.screen(scan.levels, scan.bits), file_type=scan.file_type)
    decision = replace(decision, latency_ms=round(1000 * (time.perf_counter() - started), 1))
    kept = keep_bytes(shown_png(scan.levels, scan.bits), suffix=".png")
    return decision, str(kept.path.relative_to(context().settings.data_root))
