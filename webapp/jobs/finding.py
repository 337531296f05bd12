"""The kind of job that looks for poison; what needs torch is imported where only workers call.

Every finder is asked about the data set, and, where the lab poisoned it, about the same data unpoisoned as well: every
alarm there is a false one. The two sides are parts of their own, so that one stays when the other's worker dies.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.atomic import content_id, read_json, replacing_folder, write_json
from datasets.progress import called
from datasets.store import Dataset, open_dataset
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.models.spec import check_side
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import known_poison
from pipeline.poisoning.quick import judging_settings, quick_settings, settings_like
from pipeline.poisoning.search_trainings import search_trainings
from pipeline.poisoning.trusted import open_trusted
from pipeline.poisoning.truth import known_items
from pipeline.provenance.opening import checked_dataset
from pipeline.provenance.record import check_linked
from pipeline.training.settings import TrainingSettings
from webapp.config import Settings
from webapp.jobs.course import Course, training_costs, writing_costs
from webapp.jobs.finding_course import search_costs
from webapp.jobs.poisoning import CLEAN
from webapp.jobs.products import data_root, dataset_named, made_classifier
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

NAME = "find_poison"
REPORT_FILE = "finding.json"
_BESIDE = "the same data unpoisoned"

_SUBJECT, _TRAINING, _UNPOISONED, _REPORT = "subject", "training", "unpoisoned", "report"


def clean_parent(
    root: DataRoot, dataset: Dataset, *, opened: Callable[[Path], Dataset] = open_dataset
) -> Dataset | None:
    """The data before the lab poisoned them, also of repaired ones; None where it did not, or where they are gone.

    Without `opened` they are as they lie there: to be shown, and not to be worked with.
    """
    try:
        record = known_poison(dataset, root, opened=opened)
        return None if record is None else opened(root.find("datasets", record.parent))
    except UnknownArtefact:
        return None


def settings_asked(params: Params, dataset: Dataset) -> TrainingSettings:
    """How the classifiers are trained that a search needs: what suits the images, but for what was asked otherwise.

    Raises:
        BadTraining: a value outside its range.
    """
    return _changed(judging_settings(quick_settings(dataset), dataset), params)


def _changed(usual: TrainingSettings, params: Params) -> TrainingSettings:
    return TrainingSettings.from_json({**usual.to_json(), **params.get("settings", {})})


def _parts(root: DataRoot, params: Params) -> dict[str, int]:
    """The parts of a search with the stage of each, in the order of their shards."""
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    if clean_parent(root, dataset) is None:
        return {_SUBJECT: 0, _REPORT: 1}
    if params.get("unpoisoned_id"):
        return {_SUBJECT: 0, _UNPOISONED: 0, _REPORT: 1}
    return {_SUBJECT: 0, _TRAINING: 0, _UNPOISONED: 1, _REPORT: 2}


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse what cannot be looked at; one part for each side, each training and the report."""
    root = DataRoot(settings.data_root)
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    check_labelled(dataset.name, dataset.classes)
    check_learned(root.find("models", params["classifier_id"]), dataset)
    clean = clean_parent(root, dataset, opened=_linked)
    if params.get("unpoisoned_id"):
        if clean is None:
            raise BadPoison(f"{dataset.name} was not poisoned here, so nobody knows it clean; leave unpoisoned_id out")
        check_learned(root.find("models", params["unpoisoned_id"]), clean)
    if params.get("trusted_id"):
        trusted = open_trusted(root.find("trusted", params["trusted_id"]))
        for one in filter(None, (dataset, clean)):
            trusted.standing(one)
    how = settings_asked(params, dataset)
    check_side(how.architecture, how.size, how.size)
    parts = _parts(root, params)
    costs = {name: _costs(root, params, dataset, name) for name in parts}
    return [ShardPlan(stage=stage, weight=sum(costs[name].values())) for name, stage in parts.items()]


def _costs(root: DataRoot, params: Params, dataset: Dataset, name: str) -> dict[str, float]:
    """What every stretch of a part costs; the unpoisoned side is as large as the other, and as much is trusted."""
    n, trusted = len(dataset.indices("train")), params.get("trusted_id")
    if name == _REPORT:
        return writing_costs(1)
    if name == _TRAINING:
        return training_costs(_settings_of_subject(root, params, dataset), n, len(dataset.indices("test")))
    n_trusted = len(open_trusted(root.find("trusted", trusted)).rows(dataset)) if trusted else 0
    return search_costs(n, settings_asked(params, dataset), n_trusted)


def _linked(folder: Path) -> Dataset:
    """A data set whose history hangs together; its files are hashed where the work is done."""
    check_linked(folder)
    return open_dataset(folder)


def _run(work: Work) -> Made | None:
    """Parameters: dataset_id, classifier_id, name, trusted_id, unpoisoned_id (of the clean data), settings."""
    parts = _parts(data_root(work), work.params)
    name = list(parts)[work.idx]
    lower = [one for one, stage in parts.items() if stage < work.stage]
    before = dict(zip(lower, work.parts, strict=True))
    if name == _TRAINING:
        return _train_clean(work)
    if name == _REPORT:
        return _report(work, before)
    _look(work, name, before.get(_TRAINING))
    return None


def _clean(work: Work, dataset: Dataset) -> tuple[Dataset, str]:
    """The data set before it was poisoned, which was there when the job was ordered, and what the lab did to it."""
    root = data_root(work)
    with suppress(UnknownArtefact):
        if (record := known_poison(dataset, root)) is not None:
            return checked_dataset(root.find("datasets", record.parent)), record.kind
    raise BadPoison(f"the data set that {dataset.name} was made from is gone; order the search anew")


def _train_clean(work: Work) -> Made:
    """A classifier of the data before they were poisoned, trained as the one that is asked about the others."""
    from pipeline.evaluation import evaluate_classifier
    from pipeline.training.train import train_classifier

    dataset = dataset_named(work, work.params["dataset_id"])
    (clean, lab), root = _clean(work, dataset), data_root(work)
    how, name = _settings_of_subject(root, work.params, dataset), f"{work.params['name']}, {CLEAN[lab]}"
    progress = Course(_costs(root, work.params, dataset, _TRAINING), called(work.progress, CLEAN[lab]))
    classifier = train_classifier(clean, how, root.models, work=work.scratch, name=name, by=work.by, progress=progress)
    row = made_classifier(work, classifier, evaluate_classifier(classifier, clean, progress=progress))
    told = {"lab": lab, "run": work.params["name"], "what": CLEAN[lab], "poisoned": False}
    return replace(row, name=name, parents=(clean.id,), facts={**row.facts, "lab": told})


def _settings_of_subject(root: DataRoot, params: Params, dataset: Dataset) -> TrainingSettings:
    """How the classifier that is asked was trained; where it does not say, what suits the images, or was asked."""
    described: Any = read_json(root.find("models", params["classifier_id"]) / "classifier.json")
    how = settings_like(described["notes"], dataset)
    return how if "settings" in described["notes"] else _changed(how, params)


def _look(work: Work, side: str, trained: Path | None) -> None:
    """Ask every finder about one side, and write what they say."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.find import Subject, find_poison

    params, root = work.params, data_root(work)
    dataset = dataset_named(work, params["dataset_id"])
    truth = known_items(dataset, root) if side == _SUBJECT else None
    looked_at, classifier_id, words, progress = dataset, params["classifier_id"], "", work.progress
    if side == _UNPOISONED:
        looked_at, classifier_id = _clean(work, dataset)[0], _clean_classifier(params, trained)
        words, progress = f"{_BESIDE}: ", called(work.progress, _BESIDE)
    trusted = open_trusted(root.find("trusted", params["trusted_id"])) if params.get("trusted_id") else None
    how, n_trusted = settings_asked(params, dataset), 0 if trusted is None else len(trusted.rows(looked_at))
    trainings = search_trainings(how, len(looked_at.indices("train")), n_trusted)
    work.note(f"{words}{trainings.words}")
    found = find_poison(
        Subject(looked_at, open_classifier(root.find("models", classifier_id))),
        how,
        DataRoot(work.scratch),  # What is trained meanwhile lies apart from any other search of the same data.
        trusted=trusted,
        progress=Course(_costs(root, params, dataset, side), progress),
    )
    for name, finding in found.findings.items():
        work.note(f"{words}{name} flags {int(finding.flagged.sum())} of {len(found.rows)}")
    write_json(work.output, {**found.to_json(truth), "trainings": trainings.to_json()})


def _clean_classifier(params: Params, trained: Path | None) -> str:
    if trained is None:
        return str(params["unpoisoned_id"])
    written: Any = read_json(trained)
    return str(written["artefact"])


def _report(work: Work, before: Mapping[str, Path]) -> Made:
    """What both sides said, as one report, kept under an id of its own."""
    from pipeline.poisoning.chance import OF_SEARCH, Learning, not_learned
    from pipeline.poisoning.find import UNPOISONED

    params = work.params
    dataset = dataset_named(work, params["dataset_id"])
    found: Any = read_json(before[_SUBJECT])
    truth = known_items(dataset, data_root(work))
    told = {
        **found,
        "dataset": dataset.name,
        "classes": list(dataset.classes),
        "n_poisoned": None if truth is None else len(truth),
        "unpoisoned": None,
    }
    if _UNPOISONED in before:
        quiet: Any = read_json(before[_UNPOISONED])
        for name, finder in told["finders"].items():
            if name in quiet["finders"]:
                finder["flagged_unpoisoned"] = quiet["finders"][name]["flagged"]
        told["unpoisoned"] = {name: quiet[name] for name in ("dataset_id", "classifier_id", "n")}
        learned = [Learning.from_json(one).of(UNPOISONED) for one in quiet["learning"]]
        told["learning"] = [*told["learning"], *(one.to_json() for one in learned)]
        told["not_learned"] = not_learned(map(Learning.from_json, told["learning"]), OF_SEARCH)
    if told["not_learned"]:
        work.note(told["not_learned"])
    finding_id = content_id({"finding": told, "settings": settings_asked(params, dataset).to_json()})
    folder = data_root(work).reports / finding_id
    with replacing_folder(folder) as incoming:
        write_json(incoming / REPORT_FILE, told)
    beside = told["unpoisoned"] or {}
    made_of = (told["dataset_id"], told["classifier_id"], told["trusted_id"], beside.get("classifier_id"))
    return Made(
        kind=ArtefactKind.FINDING,
        id=finding_id,
        name=params["name"],
        folder=folder,
        parents=tuple(one for one in made_of if one),
        facts={
            "dataset": dataset.name,
            "trusted": bool(told["trusted_id"]),
            "n": told["n"],
            "n_suspects": len(told["suspects"]),
            "n_fused": told["finders"]["fused"]["flagged"]["n_hit"],
        },
    )


register(Kind(name=NAME, title="Look for poison", shards=_checked, run=_run))
