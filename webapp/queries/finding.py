"""What can be chosen for a search for poison, and which searches are under way."""

from sqlalchemy import select

from pipeline.artefacts import DataRoot
from pipeline.poisoning.learned import learned_from
from webapp.context import context, database
from webapp.jobs.finding import NAME, clean_parent
from webapp.jobs.lease import LIVE
from webapp.queries.artefacts import artefacts_of
from webapp.queries.contents import open_stored_dataset
from webapp.records.artefacts import Artefact, ArtefactKind
from webapp.records.jobs import Job


def searches_under_way() -> list[Job]:
    """Searches that wait or work, newest first."""
    query = select(Job).where(Job.kind == NAME, Job.state.in_(LIVE)).order_by(Job.id.desc())
    with database().reading() as session:
        return list(session.scalars(query))


def classifiers_of(dataset_id: str) -> list[Artefact]:
    """Classifiers that were trained on a data set, newest first; not those that were only imported for its classes."""
    root = DataRoot(context().settings.data_root)
    rows = [row for row in artefacts_of(ArtefactKind.CLASSIFIER) if dataset_id in row.parents]
    return [row for row in rows if dataset_id in learned_from(root.find("models", row.id))[1]]


def clean_classifiers(row: Artefact) -> list[Artefact]:
    """Classifiers of the data before the lab poisoned them: those of the same run first, then the newest.

    None where the lab did not poison these data.
    """
    clean = clean_parent(DataRoot(context().settings.data_root), open_stored_dataset(row))
    if clean is None:
        return []
    run = row.facts.get("lab", {}).get("run")
    return sorted(classifiers_of(clean.id), key=lambda one: one.facts.get("lab", {}).get("run") != run)


def poisoned_here(row: Artefact) -> bool:
    """Whether the lab poisoned a data set and still has it as it was, so that every alarm rate can be told."""
    return clean_parent(DataRoot(context().settings.data_root), open_stored_dataset(row)) is not None
