"""What flipped labels do to a classifier: train with and without them, and say it in numbers and words."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier
from pipeline.poisoning.chance import OF_RUN, Learning, learning_of, not_learned
from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import check_poison, poison
from pipeline.poisoning.sides import Side, side, trained_side
from pipeline.provenance.event import UNNAMED
from pipeline.training.settings import TrainingSettings
from pipeline.words import percent


@dataclass(frozen=True)
class FlipReport:
    """Both classifiers before the clean test images.

    Attributes:
        recipe: which labels were flipped.
        clean: the data set as it was.
        poisoned: the data set with flipped labels.
        n_flipped: of its training images.
        n_train: training images.
        original: the classifier of the clean data set.
        other: the classifier of the poisoned one.
    """

    recipe: FlipRecipe
    clean: Dataset
    poisoned: Dataset
    n_flipped: int
    n_train: int
    original: Side
    other: Side

    @property
    def analysis(self) -> list[str]:
        """What happened, in sentences."""
        return list(_analysis(self))

    @property
    def learning(self) -> tuple[Learning, ...]:
        """Whether both classifiers are better than chance."""
        sides = {"the original model": self.original, "the poisoned model": self.other}
        return tuple(learning_of(who, one.report.confusion) for who, one in sides.items())

    @property
    def not_learned(self) -> str | None:
        """Which classifier is not, and what to do; None where both are."""
        return not_learned(self.learning, OF_RUN)

    def to_json(self) -> dict[str, object]:
        """Everything as JSON values; `pairs` names every (source, target) cell that flips aim at."""
        return {
            "dataset_id": self.clean.id,
            "poisoned_id": self.poisoned.id,
            "classes": list(self.clean.classes),
            "recipe": self.recipe.to_json(),
            "warning": self.recipe.warning(len(self.clean.classes)),
            "n_flipped": self.n_flipped,
            "n_train": self.n_train,
            "pairs": [self._pair(source, target) for source, target in self.pairs],
            "original": self.original.to_json(),
            "poisoned": self.other.to_json(),
            "analysis": self.analysis,
            "learning": [one.to_json() for one in self.learning],
            "not_learned": self.not_learned,
        }

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The (source, target) cells that the flips aim at; none for uniform flips."""
        k, recipe = len(self.clean.classes), self.recipe
        if recipe.source is not None and recipe.target is not None:
            there = (recipe.source, recipe.target)
            return [there] if recipe.kind == "one_way" else [there, there[::-1]]
        return [(label, (label + 1) % k) for label in range(k)] if recipe.kind == "cyclic" else []

    def _pair(self, source: int, target: int) -> dict[str, object]:
        before, after = self.original, self.other
        return {
            "source": source,
            "target": target,
            "recall_original": before.recall(source),
            "recall_poisoned": after.recall(source),
            "cell_original": before.report.confusion[source][target],
            "cell_poisoned": after.report.confusion[source][target],
            "n": sum(before.report.confusion[source]),
        }


def run_flip_lab(
    dataset: Dataset,
    recipe: FlipRecipe,
    settings: TrainingSettings,
    root: DataRoot,
    *,
    original: Classifier | None = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> FlipReport:
    """Flip, train both classifiers alike, and judge both on the clean test images.

    Args:
        dataset: a clean one.
        recipe: which labels.
        settings: of both trainings.
        root: where everything is kept.
        original: the classifier of the clean data set, where it was trained before.
        by: who asks, for the histories.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the recipe does not fit the data set, or the original did not learn from it; nothing is made.
        BadTraining: a class is left without a training image.
    """
    check_poison(dataset, recipe)
    if original is not None:
        check_learned(original.folder, dataset)
    poisoned = poison(dataset, recipe, root.datasets, name=f"{dataset.name}, flipped", by=by, progress=progress)
    if original is None:
        before = _trained(dataset, dataset, settings, root, "original", by, progress)
    else:
        before = side(original, dataset, progress=progress)
    after = _trained(poisoned, dataset, settings, root, "poisoned", by, progress)
    return flip_report(dataset, poisoned, recipe, before, after)


def flip_report(dataset: Dataset, poisoned: Dataset, recipe: FlipRecipe, before: Side, after: Side) -> FlipReport:
    """What came of flips whose two classifiers are there.

    Raises:
        BadPoison: the recipe does not fit the data set.
    """
    n_flipped, n_train = len(flipped(dataset, recipe)), len(dataset.indices("train"))
    return FlipReport(recipe, dataset, poisoned, n_flipped, n_train, before, after)


def _trained(
    trained_on: Dataset,
    judged_on: Dataset,
    settings: TrainingSettings,
    root: DataRoot,
    name: str,
    by: str,
    progress: Progress,
) -> Side:
    work: Path = root.work / "poisoning"
    told = called(progress, f"{name} model")
    return trained_side(trained_on, judged_on, settings, root.models, work=work, name=name, by=by, progress=told)


def _analysis(of: FlipReport) -> Iterator[str]:
    classes, before, after = of.clean.classes, of.original, of.other
    yield (
        f"{of.n_flipped} of {of.n_train} training labels ({percent(of.n_flipped / of.n_train)}) were flipped."
        f" Accuracy on {before.report.n} clean test images: {percent(before.report.accuracy)} of the original model,"
        f" {percent(after.report.accuracy)} of the poisoned one."
    )
    for source, target in of.pairs:
        was, is_now = before.recall(source), after.recall(source)
        if was is None or is_now is None:
            continue
        n = sum(before.report.confusion[source])
        yield (
            f"Of {n} test images of {classes[source]}, the original model has {percent(was)} right and the poisoned one"
            f" {percent(is_now)}; called {classes[target]}: {before.report.confusion[source][target]} and"
            f" {after.report.confusion[source][target]}."
        )
    lost = before.report.accuracy - after.report.accuracy
    recalls = [
        was - is_now
        for source, _ in of.pairs
        if (was := before.recall(source)) is not None and (is_now := after.recall(source)) is not None
    ]
    if recalls and max(recalls) > 2 * max(lost, 0) and max(recalls) > 0.02:
        yield "Accuracy as a whole hides most of the harm: it falls on the flipped class, so look at its recall."
    if warning := of.recipe.warning(len(classes)):
        yield warning
