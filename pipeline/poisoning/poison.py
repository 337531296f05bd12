"""A poisoned data set: a clean one with the labels and pictures of a recipe, and the record to make it again."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from datasets.derive import derive_dataset
from datasets.progress import Progress, ignore
from datasets.store import Dataset, open_dataset
from datasets.unlabelled import check_labelled
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, UnknownArtefact
from pipeline.poisoning.backdoor import DIRTY, BackdoorRecipe, poisoned_rows
from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.repair import REPAIRED
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import UNNAMED, EventKind, indices_digest
from pipeline.provenance.opening import checked_dataset
from pipeline.provenance.record import checked, has_history, recorded
from pipeline.words import percent

if TYPE_CHECKING:
    # Only for the type: it loads torch, and a web process reads this module too.
    from pipeline.models.files import Classifier

FLIPS, BACKDOOR = "flips", "backdoor"
AGAIN = "it changes the same images alike as one before, so that nothing was written anew"

Recipe = FlipRecipe | BackdoorRecipe


@dataclass(frozen=True)
class PoisonRecord:
    """What a poisoned data set says of itself.

    Attributes:
        parent: id of the clean data set.
        recipe: what was done to it.
        proxy: id of the classifier that clean-label images were changed under; None without.
        items: the poisoned ones, (n,) int64: the truth that finders are judged by, and never shown.
    """

    parent: str
    recipe: Recipe
    proxy: str | None
    items: np.ndarray

    @property
    def kind(self) -> str:
        """`FLIPS` or `BACKDOOR`."""
        return FLIPS if isinstance(self.recipe, FlipRecipe) else BACKDOOR


def poison(
    dataset: Dataset,
    recipe: Recipe,
    root: Path,
    *,
    name: str,
    proxy: "Classifier | None" = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Dataset:
    """Write the poisoned data set to `root/<id>`; the same recipe on the same data set gives the same id.

    So does another recipe that changes the same images alike, such as a ratio that rounds to as many of them: that data
    set is given back as it is, its record names the recipe that came first, and its history every one.

    Args:
        dataset: a clean one; only its split "train" is poisoned.
        recipe: what is done to it.
        root: where data sets are kept, `datasets` of the data root.
        name: what people call it.
        proxy: the classifier that a perturbation is made under.
        by: who does it, for the history.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadDataset: it has no labels.
        BadPoison: the recipe does not fit the data set, it is poisoned already, also where it was repaired since, or
            the proxy is missing or not asked for.
        BrokenHistory: the data set is not what its history says.
    """
    parent = checked(dataset.folder)
    _check_clean(dataset)
    labels, levels = _changes(dataset, recipe, proxy, progress)
    items = sorted({*labels, *levels})
    source: dict[str, object] = {
        "kind": FLIPS if isinstance(recipe, FlipRecipe) else BACKDOOR,
        "recipe": recipe.to_json(),
        "proxy": None if proxy is None else proxy.id,
        "items": items,
    }
    made = derive_dataset(dataset, root, name=name, source=source, labels=labels, levels=levels, progress=progress)
    facts = {"recipe": recipe.to_json(), "proxy": source["proxy"], "indices": indices_digest(items)}
    kind = EventKind.FLIP if isinstance(recipe, FlipRecipe) else EventKind.INJECTION
    home = DataRoot(root.parent)
    if not has_history(made.folder):
        recorded(made.folder, home, kind, by=by, facts=facts, parents=(parent,))
    elif recipe not in recipes_of(made, home):
        recorded(made.folder, home, kind, by=by, facts={**facts, "again": AGAIN}, parents=(parent,))
    return made


def recipes_of(dataset: Dataset, root: DataRoot) -> list[Recipe]:
    """Every recipe that made this very data set, that of its record first, then those that its history tells.

    Raises:
        BrokenHistory: the history is not whole.
        NoHistory: there is none.
    """
    kinds: dict[EventKind, type[FlipRecipe] | type[BackdoorRecipe]] = {
        EventKind.FLIP: FlipRecipe,
        EventKind.INJECTION: BackdoorRecipe,
    }
    record, events = poison_record(dataset), read_history(dataset.folder, root)
    told: list[Recipe] = [kinds[event.kind].from_json(event.what["recipe"]) for event in events if event.kind in kinds]
    return told if record is None or record.recipe in told else [record.recipe, *told]


def poison_record(dataset: Dataset) -> PoisonRecord | None:
    """What was done to a data set; None where it was not poisoned here."""
    said = cast("Mapping[str, Any]", dataset.source)
    kinds: dict[str, type[FlipRecipe] | type[BackdoorRecipe]] = {FLIPS: FlipRecipe, BACKDOOR: BackdoorRecipe}
    if said.get("kind") not in kinds:
        return None
    recipe = kinds[said["kind"]].from_json(said["recipe"])
    return PoisonRecord(said["parent"], recipe, said["proxy"], np.array(said["items"], dtype=np.int64))


def told_apart(recipe: Recipe, other: Recipe) -> str:
    """What another recipe has otherwise, in words: "ratio 0.2, not 0.21"; nothing of the same one."""
    own, theirs = (dict(_flat(one.to_json())) for one in (recipe, other))
    names = [name for name in {**own, **theirs} if own.get(name) != theirs.get(name)]
    return ", ".join(f"{name} {theirs.get(name, 'none')}, not {own.get(name, 'none')}" for name in names)


def known_poison(
    dataset: Dataset, root: DataRoot, *, opened: Callable[[Path], Dataset] = checked_dataset
) -> PoisonRecord | None:
    """What the lab did to a data set, or to the one that it was repaired from; None where it did nothing.

    Args:
        dataset: as it was opened.
        root: where those lie that it was repaired from.
        opened: opens them; what is only shown need not be checked.

    Raises:
        BrokenHistory: a data set that it was repaired from is not what its history says.
        UnknownArtefact: one of those is gone.
    """
    while dataset.source.get("kind") == REPAIRED:
        dataset = opened(root.find("datasets", str(dataset.source["parent"])))
    return poison_record(dataset)


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name} ")
        else:
            yield f"{before}{name}", value


def _changes(
    dataset: Dataset, recipe: Recipe, proxy: "Classifier | None", progress: Progress
) -> tuple[dict[int, int], dict[int, np.ndarray]]:
    """New labels and new levels, by item."""
    how = None if isinstance(recipe, FlipRecipe) else recipe.perturbation
    _check_proxy(dataset, how, None if proxy is None else (proxy.name, proxy.spec.classes))
    if isinstance(recipe, FlipRecipe):
        return _flips(dataset, recipe), {}
    rows = poisoned_rows(dataset, recipe)
    shown = {index: dataset.levels(index) for index in rows.tolist()}
    if how is not None and proxy is not None:
        # Imported on demand: a form that only reads recipes should not wait for torch.
        from pipeline.models.files import load_model
        from pipeline.poisoning.perturbing import perturbed

        shown = perturbed(load_model(proxy), dataset, rows, how, seed=recipe.seed, progress=progress)
    stamped = {index: recipe.trigger.stamped(levels, dataset.items[index].bits) for index, levels in shown.items()}
    labels = dict.fromkeys(rows.tolist(), recipe.target) if recipe.labels == DIRTY else {}
    return labels, stamped


def check_poison(dataset: Dataset, recipe: Recipe, *, proxy: tuple[str, tuple[str, ...]] | None = None) -> None:
    """Refuse what `poison` would refuse, without changing an image or waiting for torch.

    Args:
        dataset: a clean one.
        recipe: what would be done to it.
        proxy: name and classes of the classifier that a perturbation would be made under.

    Raises:
        BadDataset, BadPoison: as `poison` does; also a trigger that lies off a test image.
    """
    _check_clean(dataset)
    if isinstance(recipe, FlipRecipe):
        _flips(dataset, recipe)
        return
    _check_proxy(dataset, recipe.perturbation, proxy)
    poisoned_rows(dataset, recipe)
    tried = dataset.indices("test")
    if not (dataset.labels[tried] != recipe.target).any():
        raise BadPoison(f"{dataset.name} has no test image of another class than the target; name another target")
    rows = [*dataset.indices("train").tolist(), *tried.tolist()]
    for shape, bits in {(dataset.items[index].shape, dataset.items[index].bits) for index in rows}:
        recipe.trigger.stamped(np.zeros(shape, np.uint16), bits)


def _check_clean(dataset: Dataset) -> None:
    check_labelled(dataset.name, dataset.classes)
    try:
        record = known_poison(dataset, DataRoot(dataset.folder.parent.parent), opened=open_dataset)
    except UnknownArtefact as e:
        raise BadPoison(
            f"{dataset.name} was repaired, and what it was repaired from is gone: nobody knows whether it is poisoned"
            " already; choose a clean data set"
        ) from e
    if record is not None:
        since = " and repaired since" if dataset.source.get("kind") == REPAIRED else ""
        raise BadPoison(
            f"{dataset.name} is poisoned already, by {record.kind}{since}; choose the data set that it was made from"
        )


def _flips(dataset: Dataset, recipe: FlipRecipe) -> dict[int, int]:
    labels = flipped(dataset, recipe)
    if not labels:  # All recipes that flip none would share one data set, under the name of the first.
        raise BadPoison(
            f"{percent(recipe.ratio, stated=True)} of the training images of each class that is flipped from are none;"
            " give a higher ratio"
        )
    return labels


def _check_proxy(dataset: Dataset, how: Perturbation | None, proxy: tuple[str, tuple[str, ...]] | None) -> None:
    if (how is None) != (proxy is None):
        needed = "needs a proxy: name a classifier, best a hardened one" if proxy is None else "takes no proxy"
        raise BadPoison(f"a poisoning {'without' if how is None else 'with'} perturbation {needed}")
    if proxy is not None and proxy[1] != dataset.classes:
        raise BadPoison(
            f"the proxy {proxy[0]} tells apart {', '.join(proxy[1])}; {dataset.name} has"
            f" {', '.join(dataset.classes)}: choose one of the same classes"
        )
