"""Verify artefacts and vouch for them: at once where they are small, as a job where they are large."""

from pipeline.provenance.chain import read_history
from pipeline.provenance.event import Event
from pipeline.provenance.kept import Examination, examine
from pipeline.provenance.record import has_history, trust
from webapp import orders
from webapp.queries.changes import compares_large, is_large
from webapp.queries.history import place_of
from webapp.records.artefacts import Artefact
from webapp.records.jobs import Job


def verify_now(row: Artefact, *, by: str, owner_id: int) -> Examination | Job:
    """What a verification found, which changes nothing of the artefact; the job that finds it, of a large one.

    Large is also what is compared with it: the data set that a small classifier learned from.
    """
    if compares_large(row):
        return orders.verify_history(artefact_id=row.id, owner_id=owner_id)
    folder, root = place_of(row)
    return examine(folder, root, by=by)


def vouch(row: Artefact, why: str, *, by: str, owner_id: int) -> Event | Job:
    """The event by which somebody vouches for an artefact as it is; the job that writes it, of a large one.

    Raises:
        BrokenHistory: it is not what its history says; nothing is written.
    """
    folder, root = place_of(row)
    if not is_large(row):
        return trust(folder, root, by=by, why=why)
    if has_history(folder):
        read_history(folder, root)  # What the job would refuse at its start is refused here.
    return orders.trust_history(artefact_id=row.id, why=why, owner_id=owner_id)
