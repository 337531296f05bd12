"""Screenings as rows: who may see which, lists, one by its id, and notes of who looked behind a verdict."""

from sqlalchemy import Select, func, select

from webapp.context import database
from webapp.errors import UnknownRecord
from webapp.queries.paging import Page, page_of
from webapp.records.screenings import OverrideNote, Screening

VERDICTS = ("clean", "adversarial", "uncertain", "not_screened")


def screenings_page(number: int, *, owner_id: int | None, verdict: str = "") -> Page[Screening]:
    """One page of screenings, newest first; of one owner where one is given."""
    query = _seen_by(owner_id).order_by(Screening.created.desc(), Screening.id)
    if verdict in VERDICTS:
        query = query.where(Screening.verdict == verdict)
    with database().reading() as session:
        return page_of(session, query, number)


def screening(screening_id: str, *, owner_id: int | None) -> Screening:
    """One screening that this owner may see; None sees all.

    Raises:
        UnknownRecord: there is none, or it is somebody else's: the two answers do not differ.
    """
    with database().reading() as session:
        row = session.scalar(_seen_by(owner_id).where(Screening.id == screening_id))
    if row is None:
        raise UnknownRecord(f"There is no screening with the id {screening_id} among yours.")
    return row


def counts_by_verdict(owner_id: int | None) -> dict[str, int]:
    """How many screenings ended with each verdict."""
    seen = _seen_by(owner_id).subquery()
    with database().reading() as session:
        rows = session.execute(select(seen.c.verdict, func.count().label("n")).group_by(seen.c.verdict)).all()
    return dict.fromkeys(VERDICTS, 0) | {row.verdict: row.n for row in rows}


def note_override(row: Screening, *, user_id: int, reason: str) -> None:
    """Write down that a user had a withheld class shown, and why."""
    with database().transaction() as session:
        session.add(OverrideNote(screening_id=row.id, user_id=user_id, reason=reason))


def _seen_by(owner_id: int | None) -> Select[Screening]:
    query = select(Screening)
    return query if owner_id is None else query.where(Screening.owner_id == owner_id)
