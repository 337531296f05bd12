"""Which image meets which attack, in which shard; reading it loads no torch."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby

import numpy as np

from datasets.adversarial_store import WHOLE_IMAGE
from datasets.atomic import content_id
from datasets.store import Dataset
from datasets.unlabelled import check_labelled
from pipeline.adversarial.recipe import Recipe
from pipeline.attacks.attack import Attack
from pipeline.attacks.universal import Universal
from pipeline.errors import BadRecipe

MAX_BATCH = 32
SHARD_S = 30.0

# Seconds a gradient costs for each pixel on two cores: measured at 224x224 on busy ones, hence an upper bound.
# An architecture that is not named counts as the slowest of ours.
GRADIENT_S = {"SequentialCNN": 6e-8, "SmallCNN": 6e-8, "resnet18": 1.6e-6, "efficientnet_b0": 1.6e-6}
_UNKNOWN_S = 1.6e-6
# The split whose images a universal perturbation is fitted on.
FIT_SPLIT = "train"
# The classifier is asked before and after, and by the repair of rounded images.
_EXTRA_GRADIENTS = 3
# Writing, reading and storing one image, a pixel.
_FILE_S = 6e-8


@dataclass(frozen=True)
class Batch:
    """Images of one shape that meet one attack together; never cut, so that their arithmetic is always the same."""

    cell: int  # index into the recipe's cells
    split: str
    parents: tuple[int, ...]


@dataclass(frozen=True)
class PlanItem:
    """One row to be: which image meets which attack."""

    parent: int
    attack: str
    eps: float  # 0 where the attack has none
    region: str = WHOLE_IMAGE


@dataclass(frozen=True)
class Plan:
    """All batches of an adversarial set in order, and where the shards are cut.

    The rows are the same for any cut: a shard is a run of whole batches.
    """

    recipe: Recipe
    dataset_id: str
    architecture: str
    batches: tuple[Batch, ...]
    shards: tuple[range, ...] = field(compare=False)

    def __len__(self) -> int:
        return sum(len(batch.parents) for batch in self.batches)

    @cached_property
    def cells(self) -> tuple[Attack, ...]:
        """The recipe's attacks, each at one radius."""
        return self.recipe.cells()

    @cached_property
    def regions(self) -> tuple[str, ...]:
        """Where each cell's attack may change pixels."""
        return self.recipe.regions()

    def shard(self, k: int) -> tuple[Batch, ...]:
        """The batches of shard k.

        Raises:
            BadRecipe: there is no such shard.
        """
        if not 0 <= k < len(self.shards):
            raise BadRecipe(f"no shard {k}; the plan has {len(self.shards)}, from 0")
        return tuple(self.batches[i] for i in self.shards[k])

    def items(self) -> Iterator[PlanItem]:
        """Every row to be, in the order in which they are made."""
        for batch in self.batches:
            attack = self.cells[batch.cell]
            for parent in batch.parents:
                yield PlanItem(parent, attack.NAME, stored_eps(attack), self.regions[batch.cell])

    def set_id(self, classifier_id: str) -> str:
        """The id of the set that this plan makes against a classifier.

        Parameters count as they are, also those that the recipe leaves to the attack: other defaults, another set.
        """
        parts = {"recipe": self.recipe.to_json(), "dataset": self.dataset_id, "classifier": classifier_id}
        return content_id({**parts, "attacks": [[attack.NAME, attack.params()] for attack in self.cells]})


def stored_eps(attack: Attack) -> float:
    """The radius as rows hold it: 0 where the attack has none."""
    return attack.radius if np.isfinite(attack.radius) else 0.0


def plan(recipe: Recipe, dataset: Dataset, *, architecture: str = "SequentialCNN", shard_s: float = SHARD_S) -> Plan:
    """The plan of a recipe on a data set; the same for the same three.

    Args:
        recipe: what to make.
        dataset: whose images.
        architecture: of the classifier, for what a gradient costs.
        shard_s: seconds a shard should take; a batch that takes longer is a shard of its own.

    Raises:
        BadRecipe: a split has no images, or none of the shape that a universal perturbation has.
        BadDataset: the data set has no labels.
    """
    check_labelled(dataset.name, dataset.classes)
    cost = GRADIENT_S.get(architecture, _UNKNOWN_S)
    chosen = {split: _chosen(recipe, dataset, split) for split in recipe.splits}
    batches: list[Batch] = []
    seconds: list[float] = []
    for cell, attack in enumerate(recipe.cells()):
        for split in recipe.splits:
            for parents, each_s in _batches(dataset, chosen[split][cell], attack, cost):
                batches.append(Batch(cell, split, parents))
                seconds.append(each_s * len(parents))
    return Plan(recipe, dataset.id, architecture, tuple(batches), tuple(_cuts(seconds, shard_s)))


def fit_kind(dataset: Dataset) -> tuple[int, int, int, int]:
    """The commonest height, width, channels and depth of the images that perturbations are fitted on.

    Raises:
        BadRecipe: there are none.
    """
    kinds = Counter(_kind(dataset, i) for i in dataset.indices(FIT_SPLIT).tolist())
    if not kinds:
        raise BadRecipe(
            f"split {FIT_SPLIT} of {dataset.name} has no images to fit a universal perturbation on; import with a "
            "share for it, or give the attack's delta"
        )
    return min(kinds, key=lambda kind: (-kinds[kind], kind))


def fit_images(recipe: Recipe, dataset: Dataset, n: int) -> list[int]:
    """At most n images to fit a universal perturbation on: of one kind, with the classes in about their shares."""
    kind = fit_kind(dataset)
    available = np.array([i for i in dataset.indices(FIT_SPLIT).tolist() if _kind(dataset, i) == kind])
    draw = np.random.default_rng([recipe.seed, *b"universal"])
    return sorted(_mixed(available, dataset.labels[available], draw)[:n])


def _chosen(recipe: Recipe, dataset: Dataset, split: str) -> list[list[int]]:
    """The images of each cell: a walk through shuffled rounds of the split, all used about equally often."""
    walks: dict[tuple[int, ...], _Walk] = {}
    cells = []
    for attack in recipe.cells():
        shape = _shape_needed(attack, dataset)
        if shape not in walks:
            walks[shape] = _Walk(recipe, dataset, split, shape)
        cells.append(walks[shape].take())
    return cells


def _shape_needed(attack: Attack, dataset: Dataset) -> tuple[int, ...]:
    """The only shape that an attack can meet; empty where it meets all."""
    if not isinstance(attack, Universal):
        return ()
    return attack.shape or fit_kind(dataset)[:3]


class _Walk:
    """Hands out the images of a split, or those of one shape, cell by cell."""

    def __init__(self, recipe: Recipe, dataset: Dataset, split: str, shape: tuple[int, ...]) -> None:
        found = dataset.indices(split).tolist()
        self._available = np.array([i for i in found if not shape or dataset.items[i].shape == shape], dtype=np.int64)
        self._labels = dataset.labels[self._available]
        if not len(self._available):
            which = f" of shape {'x'.join(map(str, shape))}" if shape and found else ""
            raise BadRecipe(
                f"split {split} of {dataset.name} has no images{which}; leave it out or import with a share for it"
            )
        self._n = min(recipe.share(split) or len(self._available), len(self._available))
        self._draw = np.random.default_rng([recipe.seed, *split.encode(), *shape])
        self._queue: list[int] = []

    def take(self) -> list[int]:
        """The images of the next cell, each once."""
        taken, self._queue = self._queue[: self._n], self._queue[self._n :]
        if len(taken) < self._n:
            fresh = _mixed(self._available, self._labels, self._draw)
            had = set(taken)
            # An image of the last round waits for the next cell: no cell holds it twice.
            self._queue = [i for i in fresh if i not in had] + [i for i in fresh if i in had]
            missing = self._n - len(taken)
            taken, self._queue = taken + self._queue[:missing], self._queue[missing:]
        return sorted(taken)


def _mixed(available: np.ndarray, labels: np.ndarray, draw: np.random.Generator) -> list[int]:
    """A shuffle in which every stretch has the classes in about their shares."""
    place = np.empty(len(available))
    for label in np.unique(labels):
        same = np.flatnonzero(labels == label)
        place[draw.permutation(same)] = (np.arange(len(same)) + draw.random()) / len(same)
    mixed: list[int] = available[np.argsort(place, kind="stable")].tolist()
    return mixed


def _batches(
    dataset: Dataset, parents: Sequence[int], attack: Attack, cost: float
) -> Iterator[tuple[tuple[int, ...], float]]:
    """Batches of one shape and depth, with the seconds that one image takes."""

    def kind(i: int) -> tuple[int, int, int, int]:
        return _kind(dataset, i)

    for (height, width, _, _), same in groupby(sorted(parents, key=kind), key=kind):
        pixels = height * width
        each_s = pixels * ((attack.n_gradients + _EXTRA_GRADIENTS) * cost + _FILE_S)
        size = max(1, min(MAX_BATCH, int(SHARD_S / each_s)))
        rows = list(same)
        for start in range(0, len(rows), size):
            yield tuple(rows[start : start + size]), each_s


def _kind(dataset: Dataset, i: int) -> tuple[int, int, int, int]:
    return (*dataset.items[i].shape, dataset.items[i].bits)


def _cuts(seconds: Sequence[float], shard_s: float) -> Iterator[range]:
    start, spent = 0, 0.0
    for i, batch_s in enumerate(seconds):
        if i > start and spent + batch_s > shard_s:
            yield range(start, i)
            start, spent = i, 0.0
        spent += batch_s
    if start < len(seconds):
        yield range(start, len(seconds))
