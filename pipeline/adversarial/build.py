"""The work itself: shards of an adversarial set, each to a file of its own."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from datasets.adversarial_store import HEAD, NO_HEAD, AdversarialRows, write_rows
from datasets.head import head_mask
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.adversarial.assemble import assemble, is_whole
from pipeline.adversarial.files import AdversarialSet, open_adversarial
from pipeline.adversarial.fits import fitted
from pipeline.adversarial.kinship import check_classes
from pipeline.adversarial.plan import SHARD_S, Batch, Plan, plan, stored_eps
from pipeline.adversarial.recipe import Recipe
from pipeline.attacks.attack import Attack
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadRecipe
from pipeline.models.adapter import PixelModel
from pipeline.models.device import chosen_device
from pipeline.models.files import Classifier, load_model
from pipeline.provenance.event import UNNAMED, Parent
from pipeline.provenance.record import checked

_COPIED = (
    "target",
    "pred_before",
    "pred_after",
    "confidence_before",
    "confidence_after",
    "success",
    "status",
    "reason",
    "linf",
    "l2",
    "l0",
    "steps",
)


def build_adversarial(
    dataset: Dataset,
    classifier: Classifier,
    recipe: Recipe,
    root: Path,
    *,
    work: Path,
    name: str = "",
    shard_s: float = SHARD_S,
    device: str = "cpu",
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> AdversarialSet:
    """Build every shard that is not there yet, and the set of them, at `root/<id>`.

    A set that is there already is given back. When `progress` raises or the process dies, finished shards stay in
    `work` and the next call goes on behind them, to the same bytes. So do fitted perturbations, for other recipes too.

    Args:
        dataset: whose images.
        classifier: whom to attack.
        recipe: what to make.
        root: the folder of all adversarial sets.
        work: a folder for unfinished parts and for fitted perturbations.
        name: for people.
        shard_s: seconds a shard should take.
        device: where the classifier runs, by a name that `chosen_device` takes.
        by: who builds, for the history.
        progress: told of rows done out of all rows.

    Raises:
        BadRecipe: the recipe does not fit the data set, or the data set not the classifier.
        BrokenHistory: data set or classifier are not what their histories say, or the set that is there is not.
        BadDevice: there is no such device here.
    """
    where = chosen_device(device).type
    made = plan(recipe, dataset, architecture=classifier.spec.architecture, shard_s=shard_s)
    if (there := root / made.set_id(classifier.id)).exists():
        return open_adversarial(there)
    folder = work / f"adversarial-{there.name}"
    parts = [folder / _part_name(cut, where) for cut in made.shards]
    _build_missing(made, parts, dataset, classifier, work, device, progress)
    told = {"name": name, "by": by, "device": where, "classifier_id": classifier.id}
    built = assemble(made, parts, root, work=work, parents=_parents(dataset, classifier), **told)
    shutil.rmtree(folder, ignore_errors=True)
    return built


def _build_missing(
    made: Plan, parts: list[Path], dataset: Dataset, classifier: Classifier, work: Path, device: str, progress: Progress
) -> None:
    """Every shard whose part is not there yet; the model is loaded for the first one."""
    model: PixelModel | None = None
    done = 0
    for k, path in enumerate(parts):
        if not is_whole(made, k, path):
            model = model or _loaded(classifier, dataset, device)
            _build(made, k, dataset, classifier.id, model, path, work, _shifted(progress, done, len(made)))
        done += sum(len(batch.parents) for batch in made.shard(k))
        progress(done, len(made), f"{k + 1} of {len(made.shards)} shards")


def build_shard(
    made: Plan,
    k: int,
    dataset: Dataset,
    classifier: Classifier,
    out: Path,
    progress: Progress = ignore,
    *,
    work: Path | None = None,
    device: str = "cpu",
) -> None:
    """Attack the images of one shard and write their rows to `out`, whole or not at all.

    Args:
        made: the plan.
        k: the number of the shard.
        dataset: whose images; the one that was planned with.
        classifier: whom to attack.
        out: the file of this part.
        progress: told of rows done out of those of the shard.
        work: the folder for fitted perturbations, the same for all shards and for `assemble`; only a recipe that leaves
            one to be fitted needs it.
        device: where the classifier runs, by a name that `chosen_device` takes.

    Raises:
        BadRecipe: the plan is of another data set, the classes differ, or there is no shard k.
        BrokenHistory: data set or classifier are not what their histories say.
    """
    if made.dataset_id != dataset.id:
        raise BadRecipe(f"the plan is of data set {made.dataset_id}, found {dataset.id}; plan again")
    _build(made, k, dataset, classifier.id, _loaded(classifier, dataset, device), out, work, progress)


def _build(
    made: Plan,
    k: int,
    dataset: Dataset,
    classifier_id: str,
    model: PixelModel,
    out: Path,
    work: Path | None,
    progress: Progress,
) -> None:
    batches = made.shard(k)
    total, done = sum(len(batch.parents) for batch in batches), 0
    cells = {batch.cell for batch in batches}
    attacks = fitted(made, cells, dataset, model, classifier_id, work, _standing(progress, total))
    results: list[_Attacked] = []
    for batch in batches:
        attack = attacks[batch.cell]
        results.append(_attacked(made, batch, attack, dataset, model, _shifted(progress, done, total)))
        done += len(batch.parents)
    write_rows(out, _rows(made, batches, dataset, results))


def _part_name(cut: range, device: str) -> str:
    """A part by what it holds and where it was made, so that another cut or device never takes it for its own."""
    return f"{cut.start:06d}-{cut.stop:06d}{'' if device == 'cpu' else f'-{device}'}.h5"


@dataclass(frozen=True)
class _Attacked:
    """A batch after its attack, and where the attack was free to change each image."""

    result: LatticeResult
    region: list[str]


def _attacked(
    made: Plan, batch: Batch, attack: Attack, dataset: Dataset, model: PixelModel, progress: Progress
) -> _Attacked:
    items = [dataset.items[parent] for parent in batch.parents]
    levels = np.stack(dataset.batch(batch.parents))
    region, mask = [made.regions[batch.cell]] * len(items), None
    if region[0] == HEAD:
        heads = [head_mask(image, items[0].bits) for image in levels]
        region, mask = [HEAD if head.found else NO_HEAD for head in heads], np.stack([head.mask for head in heads])
    result = attack_levels(
        model,
        attack,
        levels,
        items[0].bits,
        np.array([item.label for item in items], dtype=np.int64),
        target="least_likely" if made.recipe.targeted else None,
        mask=mask,
        pixels_sha256=[item.pixels_sha256 for item in items],
        precision=made.recipe.precision,
        seed=made.recipe.seed,
        batch_size=len(items),
        progress=progress,
    )
    return _Attacked(result, region)


def _rows(made: Plan, batches: tuple[Batch, ...], dataset: Dataset, attacked: list[_Attacked]) -> AdversarialRows:
    results = [one.result for one in attacked]
    parents = [parent for batch in batches for parent in batch.parents]
    attacks = [made.cells[batch.cell] for batch in batches for _ in batch.parents]
    return AdversarialRows(
        parent=np.array(parents, dtype=np.int64),
        label=np.array([dataset.items[parent].label for parent in parents], dtype=np.int64),
        attack=np.array([attack.NAME for attack in attacks]),
        eps=np.array([stored_eps(attack) for attack in attacks], dtype=np.float32),
        bits=np.array([dataset.items[parent].bits for parent in parents], dtype=np.uint8),
        region=np.array([region for one in attacked for region in one.region]),
        images=[image for result in results for image in result.levels],
        **{name: np.concatenate([getattr(result, name) for result in results]) for name in _COPIED},
    )


def _loaded(classifier: Classifier, dataset: Dataset, device: str) -> PixelModel:
    """The classifier, laid out in memory for the fastest gradients, after it and the data set were checked."""
    _parents(dataset, classifier)
    check_classes(classifier.spec.classes, dataset)
    model = load_model(classifier, device)
    model.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload] # torch's stub lacks it.
    return model


def _parents(dataset: Dataset, classifier: Classifier) -> list[Parent]:
    return [checked(one.folder) for one in (dataset, classifier)]


def _shifted(progress: Progress, before: int, total: int) -> Callable[[int, int, str], None]:
    """Progress of a part, told as progress of the whole."""

    def told(done: int, _: int, message: str) -> None:
        progress(before + done, total, message)

    return told


def _standing(progress: Progress, total: int) -> Callable[[int, int, str], None]:
    """Progress of what comes before the rows: no row is done by it, but it can be seen and stopped."""

    def told(step: int, steps: int, message: str) -> None:
        progress(0, total, f"{message}, step {step} of {steps}")

    return told
