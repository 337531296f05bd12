"""What can be chosen for a search for poison, and which searches are under way."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from wtforms.fields.choices import SelectChoice

from datasets.atomic import read_json
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.poisoning.learned import learned_from
from pipeline.poisoning.quick import judging_settings, quick_settings
from pipeline.poisoning.search_trainings import search_trainings
from webapp.context import context
from webapp.jobs.finding import clean_parent
from webapp.queries.artefacts import artefacts_of, named
from webapp.queries.contents import open_stored_dataset
from webapp.queries.trusted import subset_of
from webapp.records.artefacts import Artefact, ArtefactKind

_SUBSETS_TOLD = 5


def classifiers_of(dataset_id: str) -> list[Artefact]:
    """Classifiers that were trained on a data set, newest first; not those that were only imported for its classes."""
    root = DataRoot(context().settings.data_root)
    rows = [row for row in artefacts_of(ArtefactKind.CLASSIFIER) if dataset_id in row.parents]
    return [row for row in rows if dataset_id in learned_from(root.find("models", row.id))[1]]


def learned_sets(classifier_id: str) -> list[Artefact]:
    """The data sets that are here and that a classifier was trained on; none of one that was imported."""
    parents = named([parent for row in named([classifier_id]) for parent in row.parents])
    return [row for row in parents if any(one.id == classifier_id for one in classifiers_of(row.id))]


def clean_classifiers(row: Artefact) -> list[Artefact]:
    """Classifiers of the data before the lab poisoned them: those of the same run first, then the newest.

    None of them where the lab did not poison these data: an empty list.
    """
    clean = clean_parent(DataRoot(context().settings.data_root), open_stored_dataset(row))
    if clean is None:
        return []
    run = row.facts.get("lab", {}).get("run")
    return sorted(classifiers_of(clean.id), key=lambda one: one.facts.get("lab", {}).get("run") != run)


def clean_classifier_like(row: Artefact, classifier_id: str) -> Artefact | None:
    """A classifier of the data before the lab poisoned them that was trained by the very settings of another one.

    Only such a one shows what a finder flags without the poison: another architecture or a hardening flags otherwise.
    """
    wanted = _settings_of(classifier_id)
    return next((one for one in clean_classifiers(row) if _settings_of(one.id) == wanted), None)


def poisoned_here(row: Artefact) -> bool:
    """Whether the lab poisoned a data set and still has it as it was, so that every alarm rate can be told."""
    return clean_parent(DataRoot(context().settings.data_root), open_stored_dataset(row)) is not None


def trainings_for(row: Artefact, offered: Iterable[SelectChoice], epochs: int | None) -> list[tuple[str, str]]:
    """For each of the first trusted subsets that are offered its name, and what a search trains of its images alone.

    Before them what is trained of the folds, under an empty name.
    """
    dataset = open_stored_dataset(row)
    how = judging_settings(quick_settings(dataset), dataset)
    how = how if epochs is None else replace(how, epochs=epochs)
    n = len(dataset.indices("train"))
    told = [("", search_trainings(how, n, 0).words)]
    for one in named([str(choice.value) for choice in offered if choice.value])[:_SUBSETS_TOLD]:
        with suppress(BadPoison):  # One that is not as it was written is refused where it is chosen.
            n_trusted = len(subset_of(one).rows(dataset))
            told.append((one.name, search_trainings(how, n, n_trusted).reference_words))
    return told


def _settings_of(classifier_id: str) -> object:
    """How a classifier was trained; None of one that does not say."""
    described: Any = read_json(DataRoot(context().settings.data_root).find("models", classifier_id) / "classifier.json")
    return described["notes"].get("settings")
