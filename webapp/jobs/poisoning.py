"""The kinds of job of the poisoning lab; what needs torch is imported where only workers call.

A run is cut so that what costs most stays when a worker dies: the proxy where it is trained here, poisoned data sets,
then the trainings, which go on from their checkpoints and may run side by side, then the comparison. Each part leaves
an artefact of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from datasets.atomic import content_id, read_json, replacing_folder, write_json
from datasets.progress import Progress, called
from datasets.store import Dataset, open_dataset
from pipeline.artefacts import DataRoot
from pipeline.models.spec import check_side
from pipeline.poisoning.answers import answers
from pipeline.poisoning.backdoor import BackdoorRecipe, tested_trigger
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import BACKDOOR, FLIPS, check_poison, poison
from pipeline.poisoning.proxy import PROXY, note_proxy
from pipeline.training.hardening_settings import check_hardening
from pipeline.words import percent
from webapp.config import Settings
from webapp.jobs.course import JUDGING, Course
from webapp.jobs.poisoning_asked import FLIPPED, poisonings, proxy_settings, recipe_of, settings_asked
from webapp.jobs.poisoning_course import comparison_costs, learning_costs, n_passes, poison_costs
from webapp.jobs.products import data_root, dataset_named, made_classifier, made_dataset
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

if TYPE_CHECKING:
    # Only for the types: these load torch, and a web process reads this module too.
    from pipeline.models.files import Classifier
    from pipeline.poisoning.backdoor_lab import BackdoorReport
    from pipeline.poisoning.flip_lab import FlipReport
    from pipeline.training.checkpoint import EpochResult

CLEAN = {FLIPS: "original model", BACKDOOR: "clean model"}
"""What the model of the clean data is called in each lab."""

REPORT_FILE, ANSWERS_FILE = "run.json", "answers.json"


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse what cannot be carried out; one part for each data set, each training, and the comparison."""
    root, recipe = DataRoot(settings.data_root), recipe_of(params)
    dataset = open_dataset(root.find("datasets", params["dataset_id"]))
    hardened = proxy_settings(params, dataset)
    trained_here = None if hardened is None else (PROXY, dataset.classes)
    check_poison(dataset, recipe, proxy=trained_here or _named(root, params.get("proxy_id")))
    if hardened is not None:
        check_hardening(dataset, hardened.hardening)
    if isinstance(recipe, BackdoorRecipe):
        tested_trigger(recipe, params.get("strength"))
    if params.get("original_id"):
        check_learned(root.find("models", params["original_id"]), dataset)
    how = settings_asked(params, dataset)
    check_side(how.architecture, how.size, how.size)
    sets, before = poisonings(recipe), int(hardened is not None)
    n_trained = len(sets) + (not params.get("original_id"))
    proxy = [] if hardened is None else [ShardPlan(weight=sum(learning_costs(dataset, hardened).values()))]
    poisoned = [ShardPlan(stage=before, weight=sum(poison_costs(dataset, one).values())) for one in sets.values()]
    trained = [ShardPlan(stage=before + 1, weight=sum(learning_costs(dataset, how).values()))] * n_trained
    compared = ShardPlan(stage=before + 2, weight=sum(comparison_costs(dataset, recipe).values()))
    return [*proxy, *poisoned, *trained, compared]


def _named(root: DataRoot, classifier_id: str | None) -> tuple[str, tuple[str, ...]] | None:
    """Name and classes of a classifier, without loading it."""
    if classifier_id is None:
        return None
    described: Any = read_json(root.find("models", classifier_id) / "classifier.json")
    return described["name"], tuple(described["spec"]["classes"])


def _run(work: Work) -> Made:
    """Parameters: lab, dataset_id, name, recipe, settings (of the trainings), original_id, proxy_id, strength.

    `hardening`, in place of proxy_id, has the proxy trained first, as a part of the run.
    """
    sets, before = list(poisonings(recipe_of(work.params))), int(work.params.get("hardening") is not None)
    made: list[str] = [str(_told(part)) for part in work.parts]
    proxy_id, made = (made[0] if made and before else work.params.get("proxy_id")), made[before:]
    stage, number = work.stage - before, work.idx - before
    if stage < 0:
        return _train(work, PROXY, None)
    if stage == 0:
        return _poison(work, sets[number], proxy_id)
    if stage == 1:
        trained = number - len(sets)
        return _train(work, sets[trained], made[trained]) if trained < len(sets) else _train(work, _clean(work), None)
    clean = work.params.get("original_id") or made[2 * len(sets)]
    pairs = {what: (made[k], made[len(sets) + k]) for k, what in enumerate(sets)}
    return _compare(work, clean, pairs)


def _told(part: Any) -> object:
    written: Any = read_json(part)
    return written["artefact"]


def _poison(work: Work, what: str, proxy_id: str | None) -> Made:
    from pipeline.models.files import open_classifier

    root, params = data_root(work), work.params
    recipe, dataset = poisonings(recipe_of(params))[what], dataset_named(work, params["dataset_id"])
    perturbed = isinstance(recipe, BackdoorRecipe) and recipe.perturbation is not None and proxy_id is not None
    made = poison(
        dataset,
        recipe,
        root.datasets,
        name=f"{params['name']}, data of the {what}",
        proxy=open_classifier(root.find("models", str(proxy_id))) if perturbed else None,
        by=work.by,
        progress=Course(poison_costs(dataset, recipe), called(work.progress, f"images of the {what}")),
    )
    row = made_dataset(work, made)
    return replace(row, name=made.name, parents=(params["dataset_id"],), facts={**row.facts, "lab": _lab(work, what)})


def _train(work: Work, what: str, poisoned_id: str | None) -> Made:
    from pipeline.evaluation import evaluate_classifier
    from pipeline.training.train import train_classifier

    clean = dataset_named(work, work.params["dataset_id"])
    learned = clean if poisoned_id is None else dataset_named(work, poisoned_id)
    proxy = proxy_settings(work.params, clean) if what == PROXY else None
    how = proxy or settings_asked(work.params, clean)
    progress = Course(learning_costs(clean, how), called(work.progress, what))
    classifier = train_classifier(
        learned,
        how,
        data_root(work).models,
        work=work.scratch,
        name=f"{work.params['name']}, {what}",
        by=work.by,
        progress=progress,
        each_epoch=_noted(work, what),
    )
    if proxy is not None:
        note_proxy(data_root(work), classifier.id, clean.id, proxy)
    row = made_classifier(work, classifier, evaluate_classifier(classifier, clean, progress=progress))
    return replace(row, name=classifier.name, parents=(learned.id,), facts={**row.facts, "lab": _lab(work, what)})


def _compare(work: Work, clean_id: str, pairs: Mapping[str, tuple[str, str]]) -> Made:
    """The report of the run and what its models say of every test image, kept under the id of the run."""
    from pipeline.models.files import open_classifier

    root, params = data_root(work), work.params
    dataset, recipe = dataset_named(work, params["dataset_id"]), recipe_of(params)
    opened = {what: open_classifier(root.find("models", one)) for what, (_, one) in pairs.items()}
    clean = open_classifier(root.find("models", clean_id))
    sets = {what: dataset_named(work, one) for what, (one, _) in pairs.items()}
    times = {JUDGING: n_passes(recipe)}
    progress = Course(comparison_costs(dataset, recipe), called(work.progress, "comparison"), times=times)
    report = _report(work, dataset, clean, {what: (sets[what], opened[what]) for what in pairs}, progress)
    models = {_clean(work): clean, **opened}
    kept: dict[str, object] = {"clean": answers(dataset, models, progress=progress).to_json()}
    if isinstance(recipe, BackdoorRecipe):
        trigger = tested_trigger(recipe, params.get("strength"))
        kept["triggered"] = answers(dataset, models, trigger=trigger, progress=progress).to_json()
    run = {"lab": params["lab"], **report.to_json()}
    run_id = content_id({"run": run, "strength": params.get("strength")})
    folder = root.reports / run_id
    with replacing_folder(folder) as beside:
        write_json(beside / ANSWERS_FILE, kept)
        write_json(beside / REPORT_FILE, run)
    return Made(
        kind=ArtefactKind.POISONING,
        id=run_id,
        name=params["name"],
        folder=folder,
        parents=(dataset.id, *(one.id for one in sets.values()), *(one.id for one in models.values())),
        facts={"kind": params["lab"], "dataset": dataset.name, "recipe": recipe.to_json(), "told": report.analysis},
    )


def _report(
    work: Work,
    dataset: Dataset,
    clean: "Classifier",
    models: Mapping[str, tuple[Dataset, "Classifier"]],
    progress: Progress,
) -> "FlipReport | BackdoorReport":
    from pipeline.poisoning.backdoor_lab import backdoor_report
    from pipeline.poisoning.flip_lab import flip_report
    from pipeline.poisoning.sides import side

    recipe = recipe_of(work.params)
    if isinstance(recipe, BackdoorRecipe):
        strength = work.params.get("strength")
        return backdoor_report(dataset, recipe, clean, models, strength=strength, progress=progress)
    poisoned, other = models[FLIPPED]
    before, after = (side(one, dataset, progress=progress) for one in (clean, other))
    return flip_report(dataset, poisoned, recipe, before, after)


def _clean(work: Work) -> str:
    return CLEAN[work.params["lab"]]


def _lab(work: Work, what: str) -> dict[str, Any]:
    """What marks an artefact as made for study, wherever it is listed."""
    told = {"lab": work.params["lab"], "run": work.params["name"], "what": what}
    return {**told, "poisoned": what not in (PROXY, *CLEAN.values())}


def _noted(work: Work, what: str) -> Callable[["EpochResult"], None]:
    def told(result: "EpochResult") -> None:
        shares = [("accuracy", result.accuracy), ("validation accuracy", result.val_accuracy)]
        known = [f"{name} {percent(share)}" for name, share in shares if share is not None]
        work.note(f"{what}, epoch {result.epoch + 1}: loss {result.loss:.4f}, {', '.join(known)}")

    return told


LABS = {"flip_labels": FLIPS, "plant_backdoor": BACKDOOR}
"""The lab that each kind of job belongs to."""

register(Kind(name="flip_labels", title="Flip labels and compare", shards=_checked, run=_run))
register(Kind(name="plant_backdoor", title="Plant a backdoor and compare", shards=_checked, run=_run))
