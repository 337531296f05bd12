"""The kind of job that makes the poisoned data of a run again from its record, and tells whether they are the same.

Each poisoned data set is a part of its own; what is made again is compared and gone.
"""

from typing import Any

from datasets.atomic import read_json, write_json
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import FLIPS
from pipeline.poisoning.replay import check_replay, replay
from pipeline.provenance.event import now
from webapp.config import Settings
from webapp.jobs.products import data_root, dataset_named
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

REPLAY_JOB = "replay_poison"


def _checked(settings: Settings, params: Params) -> list[ShardPlan]:
    """Refuse what has lost its record, its clean data or its proxy; one part for each data set, then the outcome."""
    root = DataRoot(settings.data_root)
    for one in params["sets"]:
        check_replay(open_dataset(root.find("datasets", one["dataset_id"])), root)
    return [*(ShardPlan(weight=10.0) for _ in params["sets"]), ShardPlan(stage=1)]


def _run(work: Work) -> Made | None:
    """Parameters: run_id, name, parents (of its row), lab, dataset_id (clean), sets (each what, dataset_id, recipe)."""
    if work.stage == 0:
        _replay(work)
        return None
    params = work.params
    sets: list[Any] = [read_json(part) for part in work.parts]
    same = all(one["same"] for one in sets)
    outcome = {"at": now(), "by": work.by, "same": same, "sets": sets}
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
    asked = work.params["sets"][work.idx]
    kind = FlipRecipe if work.params["lab"] == FLIPS else BackdoorRecipe
    dataset = dataset_named(work, asked["dataset_id"])
    recipe = kind.from_json(asked["recipe"])
    told = replay(dataset, data_root(work), recipe=recipe, progress=work.progress)
    said = "bit-equal" if told.same else f"{len(told.differences)} differences"
    work.note(f"data of the {asked['what']}: made again as {told.replayed_id}, {said}")
    write_json(work.output, {"what": asked["what"], **told.to_json()})


register(Kind(name=REPLAY_JOB, title="Replay a poisoning run from its record", shards=_checked, run=_run))
