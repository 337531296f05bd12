"""Which gate stands: activate one, or go back to the one before; every change is a row that stays."""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pipeline.provenance.record import checked
from webapp.context import context, database
from webapp.errors import WrongState
from webapp.queries.artefacts import artefact
from webapp.records.artefacts import Artefact, ArtefactKind, Release


def activate(gate_id: str, *, user_id: int) -> Artefact:
    """Let a gate screen from now on.

    Raises:
        UnknownRecord: there is no such gate.
        BrokenHistory: it is not what its history says; the one that stands goes on.
    """
    row = artefact(ArtefactKind.GATE, gate_id)
    checked(context().path(row.folder))
    with database().transaction() as session:
        _stand(session, row.id, user_id)
    return row


def roll_back(*, user_id: int) -> Artefact:
    """Let the gate that stood before the present one screen again.

    Raises:
        WrongState: there was none before.
        BrokenHistory: the one before is not what its history says; the one that stands goes on.
    """
    with database().transaction() as session:
        rows = list(session.scalars(select(Release).order_by(Release.id.desc())))
        present = next((row.gate_id for row in rows if row.active), None)
        before = next((row for row in rows if row.gate_id != present), None)
        if present is None or before is None:
            raise WrongState("No other gate stood before this one. Activate a gate from the list instead.")
        checked(context().path(before.gate.folder))
        _stand(session, before.gate_id, user_id)
        return before.gate


def _stand(session: Session, gate_id: str, user_id: int) -> None:
    # The old one first: the database itself keeps a second active row out.
    session.execute(update(Release).where(Release.active).values(active=False))
    session.add(Release(gate_id=gate_id, released_by_id=user_id, active=True))
