"""The kind of job that repairs a suspected data set, trains anew and verifies again.

What needs torch is imported where only workers call. The parts: the repaired data set; then its training and, beside
it, the finder on the suspected data; then the finder on the repaired data; then the comparison.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from datasets.atomic import content_id, read_json, replacing_folder, write_json
from datasets.progress import called
from datasets.store import Dataset, open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.models.spec import check_side
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import BACKDOOR, FLIPS, known_poison
from pipeline.poisoning.quick import judging_settings, settings_like
from pipeline.poisoning.repair import check_repair, check_vouched, repair
from pipeline.poisoning.trusted import open_trusted
from pipeline.training.settings import TrainingSettings
from webapp.config import Settings
from webapp.jobs.course import JUDGING, Course, judging_costs, training_costs, writing_costs
from webapp.jobs.finding_course import search_costs
from webapp.jobs.products import data_root, dataset_named, made_classifier, made_dataset
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

if TYPE_CHECKING:
    # Only for the types: these load torch, and a web process reads this module too.
    from pipeline.poisoning.reverify import Flagged

REPAIR_JOB = "repair_poison"
REPORT_FILE = "repair.json"
DATA, MODEL = "repaired data", "repaired model"
_REPAIRED, _TRAINED, _BEFORE, _AFTER, _COMPARED = range(5)
_STAGES = {_REPAIRED: 0, _TRAINED: 1, _BEFORE: 1, _AFTER: 2, _COMPARED: 3}
_N_COMPARED = 2  # Both classifiers are asked about all test images.


def changes_of(params: Params) -> tuple[list[int], dict[int, int]]:
    """The items to be dropped, and the new class of those to be relabelled, by item."""
    return list(params["drop"]), {int(item): label for item, label in params["relabel"].items()}


def settings_asked(params: Params, described: dict[str, Any], dataset: Dataset) -> TrainingSettings:
    """How the new classifier is trained: as the one of before, but for what was asked otherwise.

    Raises:
        BadTraining: a value outside its range.
    """
    usual = settings_like(described["notes"], dataset)
    return TrainingSettings.from_json({**usual.to_json(), **params.get("settings", {})})


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse what cannot be carried out, and cut the rest into its parts."""
    root = DataRoot(settings.data_root)
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    described = _described(root, params["classifier_id"])
    # One that was imported does not say what it learned from.
    check_learned(root.find("models", params["classifier_id"]), dataset, imported=True)
    drop, relabel = changes_of(params)
    check_repair(dataset, drop=drop, relabel=relabel)
    if not len(dataset.indices("test")):
        raise BadPoison(f"{dataset.name} has no test image to compare the classifiers on; choose another data set")
    if params.get("trusted_id"):
        check_vouched(open_trusted(root.find("trusted", params["trusted_id"])), dataset, [*drop, *relabel])
    how = settings_asked(params, described, dataset)
    check_side(how.architecture, how.size, how.size)
    costs = _costs(root, params, dataset, how)
    return [ShardPlan(stage=stage, weight=sum(costs[part].values())) for part, stage in _STAGES.items()]


def _costs(root: DataRoot, params: Params, dataset: Dataset, how: TrainingSettings) -> dict[int, dict[str, float]]:
    """What every stretch of every part costs, by the part; the repaired data set is taken to be as large."""
    n, n_test = len(dataset.indices("train")), len(dataset.indices("test"))
    trusted = open_trusted(root.find("trusted", params["trusted_id"])) if params.get("trusted_id") else None
    # A finder trains meanwhile, but hardens nothing.
    judging = judging_settings(replace(how, hardening=None), dataset)
    finding = search_costs(n, judging, 0 if trusted is None else len(trusted.rows(dataset)))
    return {
        _REPAIRED: writing_costs(len(dataset)),
        _TRAINED: training_costs(how, n, n_test),
        _BEFORE: finding,
        _AFTER: finding,
        _COMPARED: judging_costs(_N_COMPARED * n_test),
    }


def _described(root: DataRoot, classifier_id: str) -> dict[str, Any]:
    """A classifier without loading it."""
    told: Any = read_json(root.find("models", classifier_id) / "classifier.json")
    return dict(told)


def _run(work: Work) -> Made | None:
    """Parameters: name, dataset_id, classifier_id, drop, relabel, finding_id, trusted_id, settings (of training)."""
    if work.idx == _REPAIRED:
        return _repair(work)
    if work.idx == _TRAINED:
        return _train(work)
    if work.idx == _BEFORE:
        write_json(work.output, _asked(work, work.params["dataset_id"], work.params["classifier_id"], "before"))
        return None
    if work.idx == _AFTER:
        write_json(work.output, _asked(work, _made(work, _REPAIRED), _made(work, _TRAINED), "after"))
        return None
    return _compare(work)


def _course(work: Work, suspected: Dataset, words: str, times: Mapping[str, int] | None = None) -> Course:
    """The progress of the part in hand, from nothing to all."""
    root, params = data_root(work), work.params
    how = settings_asked(params, _described(root, params["classifier_id"]), suspected)
    costs = _costs(root, params, suspected, how)[work.idx]
    return Course(costs, called(work.progress, words), times=times)


def _made(work: Work, part: int) -> str:
    written: Any = read_json(work.parts[part])
    return str(written["artefact"])


def _repair(work: Work) -> Made:
    params = work.params
    suspected = dataset_named(work, params["dataset_id"])
    drop, relabel = changes_of(params)
    made = repair(
        suspected,
        data_root(work).datasets,
        name=f"{params['name']}, {DATA}",
        drop=drop,
        relabel=relabel,
        by=work.by,
        progress=_course(work, suspected, DATA),
    )
    row = made_dataset(work, made)
    facts = {**row.facts, **_marks(work, suspected, DATA)}
    return replace(row, name=made.name, parents=(suspected.id,), facts=facts)


def _train(work: Work) -> Made:
    from pipeline.evaluation import evaluate_classifier
    from pipeline.training.train import train_classifier

    root, params = data_root(work), work.params
    suspected, repaired = (dataset_named(work, one) for one in (params["dataset_id"], _made(work, _REPAIRED)))
    progress = _course(work, suspected, MODEL)
    classifier = train_classifier(
        repaired,
        settings_asked(params, _described(root, params["classifier_id"]), suspected),
        root.models,
        work=work.scratch,
        name=f"{params['name']}, {MODEL}",
        by=work.by,
        progress=progress,
        each_epoch=lambda one: work.note(f"{MODEL}, epoch {one.epoch + 1}: loss {one.loss:.4f}"),
    )
    row = made_classifier(work, classifier, evaluate_classifier(classifier, repaired, progress=progress))
    facts = {**row.facts, **_marks(work, suspected, MODEL)}
    return replace(row, name=classifier.name, parents=(repaired.id,), facts=facts)


def _asked(work: Work, dataset_id: str, classifier_id: str, when: str) -> dict[str, object]:
    """What the finder says of one data set, with work in progress in the job's own folder."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.find import Subject
    from pipeline.poisoning.reverify import ask_finder

    root, params = data_root(work), work.params
    suspected = dataset_named(work, params["dataset_id"])
    trusted = open_trusted(root.find("trusted", params["trusted_id"])) if params.get("trusted_id") else None
    told = ask_finder(
        Subject(dataset_named(work, dataset_id), open_classifier(root.find("models", classifier_id))),
        settings_asked(params, _described(root, params["classifier_id"]), suspected),
        root,
        DataRoot(work.scratch),
        trusted=trusted,
        progress=_course(work, suspected, f"finder, {when}"),
    )
    return told.to_json()


def _compare(work: Work) -> Made:
    """The report of the repair, kept under its own id."""
    from pipeline.models.files import open_classifier
    from pipeline.poisoning.repaired import repair_report
    from pipeline.poisoning.reverify import Reverified
    from pipeline.poisoning.sides import side

    root, params = data_root(work), work.params
    suspected, repaired = (dataset_named(work, one) for one in (params["dataset_id"], _made(work, _REPAIRED)))
    before, after = (
        open_classifier(root.find("models", one)) for one in (params["classifier_id"], _made(work, _TRAINED))
    )
    progress = _course(work, suspected, "comparison", {JUDGING: _N_COMPARED})
    report = repair_report(
        suspected, repaired, before, side(after, repaired, progress=progress), root, progress=progress
    )
    told = Reverified(
        suspected,
        report,
        _flagged(work, _BEFORE),
        _flagged(work, _AFTER),
        alike=before.notes.get("settings") == after.notes.get("settings"),
        trusted_id=params.get("trusted_id"),
        finding_id=params.get("finding_id"),
    ).to_json()
    folder = root.reports / content_id(told)
    with replacing_folder(folder) as beside:
        write_json(beside / REPORT_FILE, told)
    found = (params["finding_id"],) if params.get("finding_id") else ()
    return Made(
        kind=ArtefactKind.REPAIR,
        id=folder.name,
        name=params["name"],
        folder=folder,
        parents=(suspected.id, repaired.id, before.id, after.id, *found),
        facts={"dataset": suspected.name, "told": told["analysis"]},
    )


def _flagged(work: Work, part: int) -> "Flagged":
    from pipeline.poisoning.reverify import Flagged

    told: Any = read_json(work.parts[part])
    return Flagged.from_json(told)


def _marks(work: Work, suspected: Dataset, what: str) -> dict[str, Any]:
    """What says of an artefact that a repair made it, and that it is for study where the lab poisoned the data."""
    marks: dict[str, Any] = {"repair": {"run": work.params["name"], "of": suspected.name}}
    if (record := known_poison(suspected, data_root(work))) is not None:
        lab = FLIPS if isinstance(record.recipe, FlipRecipe) else BACKDOOR
        marks["lab"] = {"lab": lab, "run": work.params["name"], "what": what, "poisoned": False}
    return marks


register(Kind(name=REPAIR_JOB, title="Repair poisoned data and verify", shards=_checked, run=_run))
