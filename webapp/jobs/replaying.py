"""The kind of job that makes the poisoned data of a run again from its record, and tells whether they are the same.

Each poisoned data set is a part of its own, with the classifiers that are trained on it again where that is asked for;
what is made again is compared and gone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.atomic import read_json, write_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import FLIPS, Recipe
from pipeline.poisoning.proxy import PROXY
from pipeline.poisoning.replay import check_replay, proxy_to_train, replay
from pipeline.poisoning.retraining import AGAIN, check_retraining
from pipeline.provenance.event import now
from webapp.config import Settings
from webapp.jobs.course import JUDGING, Course, judging_costs, learning
from webapp.jobs.poisoning_course import poison_costs
from webapp.jobs.products import data_root, dataset_named
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

REPLAY_JOB = "replay_poison"
_ASKED = 2
"""How often the test images are shown for each classifier: to the one that is kept, and to the other."""


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse what has lost its record, its clean data or its proxy; one part for each data set, then the outcome."""
    root = DataRoot(settings.data_root)
    weights = [sum(_costs(root, params, one).values()) for one in params["sets"]]
    return [*(ShardPlan(weight=one) for one in weights), ShardPlan(stage=1, weight=0.01 * sum(weights))]


def _costs(root: DataRoot, params: Params, asked: Mapping[str, Any]) -> dict[str, float]:
    """What every stretch of a part costs."""
    dataset, folders = open_dataset(root.find("datasets", asked["dataset_id"])), _classifiers(root, asked)
    record = check_replay(dataset, root, folders)
    n_train, proxy = len(dataset.indices("train")), proxy_to_train(dataset, root)
    clean = open_dataset(root.find("datasets", record.parent))
    costs = {} if proxy is None else {PROXY: learning(proxy, n_train)}
    costs |= poison_costs(clean, _recipe(params, asked))
    if folders:
        settings = [check_retraining(one, dataset.id, record.parent)[1] for one in folders]
        costs[AGAIN] = sum(learning(one, n_train) for one in settings)
        costs |= judging_costs(_ASKED * len(folders) * len(dataset.indices("test")))
    return costs


def _recipe(params: Params, asked: Mapping[str, Any]) -> Recipe:
    return (FlipRecipe if params["lab"] == FLIPS else BackdoorRecipe).from_json(asked["recipe"])


def _classifiers(root: DataRoot, asked: Mapping[str, Any]) -> list[Path]:
    return [root.find("models", one) for one in asked.get("classifiers", ())]


def _run(work: Work) -> Made | None:
    """Parameters: run_id, name, parents (of its row), lab, dataset_id (clean), sets.

    Each of the sets has what, dataset_id, recipe, and classifiers: the ids of those that are trained again on it.
    """
    if work.stage == 0:
        _replay(work)
        return None
    params = work.params
    sets: list[Any] = [read_json(part) for part in work.parts]
    same = all(one["same"] for one in sets)
    trained = [one for each in sets for one in each["classifiers"]]
    weights = all(one["same"] for one in trained) if trained else None
    outcome = {"at": now(), "by": work.by, "same": same, "same_weights": weights, "sets": sets}
    return Made(
        kind=ArtefactKind.POISONING,
        id=params["run_id"],
        name=params["name"],
        folder=data_root(work).reports / params["run_id"],
        parents=tuple(params["parents"]),
        facts={"replay": outcome},
    )


def _replay(work: Work) -> None:
    """Make one of the poisoned data sets again by the recipe of the run, and write what came of it."""
    asked, root = work.params["sets"][work.idx], data_root(work)
    dataset, recipe = dataset_named(work, asked["dataset_id"]), _recipe(work.params, asked)
    folders = _classifiers(root, asked)
    times = {AGAIN: len(folders), JUDGING: _ASKED * len(folders)}
    progress = Course(_costs(root, work.params, asked), work.progress, times=times)
    told = replay(dataset, root, recipe=recipe, classifiers=folders, work=work.scratch, progress=progress)
    said = "bit-equal" if told.same else f"{len(told.differences)} differences"
    work.note(f"data of the {asked['what']}: made again as {told.replayed_id}, {said}")
    for one in told.retrained:
        weights = "the same weights" if one.same else f"other weights, {one.n_otherwise} of {one.n} called otherwise"
        work.note(f"{one.name}: trained again as {one.replayed_id}, {weights}")
    write_json(work.output, {"what": asked["what"], **told.to_json()})


register(Kind(name=REPLAY_JOB, title="Replay a poisoning run from its record", shards=_checked, run=_run))
