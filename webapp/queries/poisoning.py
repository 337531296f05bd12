"""What pages show of the poisoning lab: runs, and what can be chosen for one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from datasets.atomic import read_json
from datasets.store import Dataset
from pipeline.errors import BadPoison, BadTraining
from pipeline.poisoning.answers import Answers
from pipeline.poisoning.backdoor import CLEAN as CLEAN_LABEL
from pipeline.poisoning.backdoor import BackdoorRecipe, Rates, rates
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.poison import FLIPS, Recipe, check_poison, poison_record, told_apart
from pipeline.poisoning.proxy import PROXY
from pipeline.poisoning.quick import quick_hardening
from pipeline.poisoning.retraining import settings_noted
from pipeline.poisoning_report.page import RunPage, run_page
from pipeline.training.hardening_settings import check_hardening
from webapp.context import context
from webapp.jobs.poisoning import ANSWERS_FILE, CLEAN, REPORT_FILE
from webapp.jobs.poisoning_asked import FLIPPED, proxy_of_its_own
from webapp.queries.artefacts import artefact, artefacts_of, labelled_datasets, named
from webapp.queries.contents import open_stored_dataset
from webapp.records.artefacts import Artefact, ArtefactKind


@dataclass(frozen=True)
class Run:
    """A run that is done, as it was kept."""

    report: Mapping[str, Any]
    answers: Mapping[str, Answers]
    page: RunPage


def run_of(row: Artefact) -> Run:
    """What a run left."""
    return _kept(context().path(row.folder))


def recipes_asked(run: Run) -> dict[str, Recipe]:
    """What a run asked for, by the words of the model that learned from the data set that it made."""
    report = run.report
    if report["lab"] == FLIPS:
        return {FLIPPED: FlipRecipe.from_json(report["recipe"])}
    return {row["what"]: BackdoorRecipe.from_json(row["recipe"]) for row in report["rows"]}


def models_to_train(run: Run) -> dict[str, list[str]]:
    """The classifiers that a replay trains again, by the words of the one that learned from each poisoned data set.

    The clean model comes with the first, but for one that was imported and does not say how it was trained.

    Raises:
        UnknownRecord: one of them is gone.
    """
    report = run.report
    rows = [{"what": FLIPPED, **report["poisoned"]}] if report["lab"] == FLIPS else report["rows"]
    found = {row["what"]: [artefact(ArtefactKind.CLASSIFIER, row["classifier_id"]).id] for row in rows}
    clean = artefact(ArtefactKind.CLASSIFIER, report["original"]["classifier_id"])
    if settings_noted(context().path(clean.folder)) is not None:
        found[rows[0]["what"]].append(clean.id)
    return found


def made_before_by(run: Run) -> dict[str, str]:
    """Where the record of a poisoned data set names another recipe, by the same words: what that one has otherwise.

    Recipes that change the same images alike make the same data set, which keeps the record of the first.
    """
    found = {}
    for what, recipe in recipes_asked(run).items():
        (row,) = named([run.page.sets[what]]) or (None,)
        record = None if row is None else poison_record(open_stored_dataset(row))
        if record is not None and (said := told_apart(recipe, record.recipe)):
            found[what] = said
    return found


def run_that_made(dataset_id: str) -> Artefact | None:
    """The newest run that poisoned these data; None where none did."""
    # The first parent of a run is the clean data set.
    return next((row for row in artefacts_of(ArtefactKind.POISONING) if dataset_id in row.parents[1:]), None)


def clean_datasets() -> list[Artefact]:
    """Data sets with labels that the lab did not poison, newest first."""
    return [row for row in labelled_datasets() if not row.facts.get("lab")]


def originals(dataset_id: str) -> list[Artefact]:
    """Classifiers that learned from this data set and nothing else, newest first."""
    return [row for row in artefacts_of(ArtefactKind.CLASSIFIER) if row.parents == [dataset_id]]


def proxies(dataset: Dataset) -> list[Artefact]:
    """Classifiers that tell the classes of a data set apart, hardened ones first."""
    told = [row for row in artefacts_of(ArtefactKind.CLASSIFIER) if row.facts.get("classes") == list(dataset.classes)]
    return sorted(told, key=lambda row: "hardening" not in row.facts)


def hardened_proxy(dataset: Dataset) -> Artefact | None:
    """The newest hardened classifier of the classes of a data set; None without any."""
    return next((row for row in proxies(dataset) if "hardening" in row.facts), None)


def training_counts(dataset: Dataset) -> list[tuple[str, int]]:
    """Each class with the number of its training images."""
    return list(zip(dataset.classes, dataset.counts()["train"], strict=True))


def shares_of(dataset: Dataset, recipe: BackdoorRecipe) -> Rates | str:
    """How much a recipe poisons, of all and of the target class; or why it cannot."""
    try:
        return rates(dataset, recipe)
    except BadPoison as e:
        return f"{e}."


TEXTBOOK = BackdoorRecipe(labels=CLEAN_LABEL, perturbation=Perturbation())
"""2x2 white in the corner of 5 % of all training images: perturbed ones of the first class, which keep their label."""


@dataclass(frozen=True)
class Offer:
    """The textbook's backdoor on a data set, before anybody orders it.

    Attributes:
        shares: how much it poisons, of all and of the target class; None where it cannot poison so many.
        refusal: why an order would be refused; None where it would not.
        no_val: whether that is for want of a validation image, by which a run trains its proxy.
    """

    shares: Rates | None
    refusal: str | None = None
    no_val: bool = False


def textbook_offer(dataset: Dataset, hardened: Artefact | None) -> Offer:
    """What the textbook's backdoor poisons of a data set, and why it cannot where it cannot.

    Args:
        dataset: a clean one, with labels.
        hardened: the classifier that it perturbs images under; None where its run would train one.
    """
    shares = shares_of(dataset, TEXTBOOK)
    if isinstance(shares, str):
        return Offer(None, shares)
    try:
        check_poison(dataset, TEXTBOOK, proxy=(PROXY, dataset.classes))
    except BadPoison as e:
        return Offer(shares, f"{e}.")
    try:
        if hardened is None:
            check_hardening(dataset, quick_hardening(dataset))
    except BadTraining as e:
        return Offer(shares, f"{e}.", no_val=True)
    return Offer(shares)


def textbook(row: Artefact) -> dict[str, Any]:
    """The order of the textbook's backdoor, with the control beside it: the same without perturbation.

    Where there is no hardened classifier of these classes to perturb the images under, the run trains one first.
    """
    dataset = open_stored_dataset(row)
    hardened = hardened_proxy(dataset)
    return {
        "dataset_id": row.id,
        "name": f"{row.name}, textbook backdoor"[:120],
        "recipe": TEXTBOOK.to_json(),
        "settings": {},
        "strength": None,
        "original_id": None,
        **({"proxy_id": hardened.id, "hardening": None} if hardened else proxy_of_its_own(dataset)),
    }


def made_for_study(rows: list[Artefact]) -> set[str]:
    """Those of these artefacts that come from the poisoning lab, or from anything that does."""
    kinds = (ArtefactKind.DATASET, ArtefactKind.CLASSIFIER, ArtefactKind.ADVERSARIAL, ArtefactKind.DETECTOR)
    known = {one.id: one for kind in kinds for one in artefacts_of(kind)}
    found: dict[str, bool] = {}

    def studied(one: Artefact) -> bool:
        if one.id not in found:
            found[one.id] = False  # Nothing is its own parent; a loop in damaged rows shall still end.
            above = [known[parent] for parent in (*one.parents, one.facts.get("classifier_id")) if parent in known]
            found[one.id] = bool(one.facts.get("lab")) or any(studied(each) for each in above)
        return found[one.id]

    return {row.id for row in rows if studied(row)}


@lru_cache(maxsize=16)
def _kept(folder: Path) -> Run:
    # A run never changes under its id.
    report: Any = read_json(folder / REPORT_FILE)
    told: Any = read_json(folder / ANSWERS_FILE)
    answers = {which: Answers.from_json(one) for which, one in told.items()}
    return Run(report, answers, run_page(report, answers, clean=CLEAN[report["lab"]], flipped=FLIPPED))
