"""Trusted subsets: images of a data set are vouched for under somebody's name."""

from collections import Counter
from collections.abc import Iterable

from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.poisoning.trusted import TrustedSubset, mark_trusted
from webapp.context import context, database
from webapp.queries.contents import open_stored_dataset
from webapp.records.artefacts import Artefact, ArtefactKind


def vouch(row: Artefact, items: Iterable[int], *, by: str, owner_id: int) -> Artefact:
    """Write into a data set's signed history, and as an artefact, that somebody vouches for these images.

    Every level of the data set is hashed, which takes seconds for tens of thousands of images.

    Raises:
        BadDataset: the data set has no labels.
        BadPoison: an item is no training image, or a class has too few.
        BrokenHistory: the data set is not what its history says.
    """
    settings, dataset = context().settings, open_stored_dataset(row)
    check_labelled(dataset.name, dataset.classes)
    marked = mark_trusted(dataset, items, DataRoot(settings.data_root).trusted, by=by)
    with database().transaction() as session:
        made = session.get(Artefact, marked.id)
        if made is None:  # The same word given twice is one.
            made = Artefact(
                id=marked.id,
                kind=ArtefactKind.TRUSTED,
                name=f"{len(marked.images)} images of {row.name}"[:200],
                folder=f"trusted/{marked.id}",
                parents=[row.id],
                facts=_facts(marked, row),
                owner_id=owner_id,
            )
            session.add(made)
    return made


def _facts(marked: TrustedSubset, row: Artefact) -> dict[str, object]:
    labels = Counter(label for _, _, label in marked.images)
    classes = row.facts["classes"]
    counts = {name: labels[label] for label, name in enumerate(classes)}
    return {"n": len(marked.images), "counts": counts, "by": marked.by, "dataset": row.name}
