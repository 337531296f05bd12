"""What a backdoor does to a classifier: poison, train, and stamp the trigger on test images."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, load_model
from pipeline.poisoning.backdoor import BackdoorRecipe, Rates, rates, taught, tested_trigger
from pipeline.poisoning.chance import OF_RUN, Learning, learning_of, not_learned
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import check_poison, poison
from pipeline.poisoning.sides import Side, side
from pipeline.poisoning.success import BackdoorSuccess, backdoor_success
from pipeline.provenance.event import UNNAMED
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier
from pipeline.words import percent


@dataclass(frozen=True)
class Row:
    """One poisoned model: what it was taught, and how the trigger works on it."""

    what: str
    recipe: BackdoorRecipe
    poisoned: Dataset
    success: BackdoorSuccess
    side: Side

    def to_json(self) -> dict[str, object]:
        """The row as JSON values."""
        return {
            "what": self.what,
            "recipe": self.recipe.to_json(),
            "poisoned_id": self.poisoned.id,
            **self.side.to_json(),
            **self.success.to_json(),
        }


@dataclass(frozen=True)
class BackdoorReport:
    """The poisoned models beside the clean one, all before the same test images.

    Attributes:
        clean: the data set as it was.
        rates: how much was poisoned, of all and of the target class.
        strength: of the trigger on test images.
        original: the clean model; its `success` is what the trigger does by itself.
        side: the same model on the clean test images, with its history.
        rows: the poisoned model, and where images were perturbed a second one taught without perturbation.
    """

    clean: Dataset
    rates: Rates
    strength: float
    original: BackdoorSuccess
    side: Side
    rows: tuple[Row, ...]

    @property
    def analysis(self) -> list[str]:
        """What happened, in sentences."""
        return list(_analysis(self))

    @property
    def learning(self) -> tuple[Learning, ...]:
        """Whether the classifiers are better than chance on clean images."""
        sides = {"clean model": self.side, **{row.what: row.side for row in self.rows}}
        return tuple(learning_of(f"the {what}", one.report.confusion) for what, one in sides.items())

    @property
    def not_learned(self) -> str | None:
        """Which classifier is not, and what to do; None where all are."""
        return not_learned(self.learning, OF_RUN)

    def to_json(self) -> dict[str, object]:
        """Everything as JSON values."""
        return {
            "dataset_id": self.clean.id,
            "classes": list(self.clean.classes),
            "rates": {
                "n": self.rates.n,
                "n_train": self.rates.n_train,
                "n_target": self.rates.n_target,
                "of_all": self.rates.of_all,
                "of_target": self.rates.of_target,
            },
            "strength": self.strength,
            "original": {**self.side.to_json(), **self.original.to_json()},
            "rows": [row.to_json() for row in self.rows],
            "analysis": self.analysis,
            "learning": [one.to_json() for one in self.learning],
            "not_learned": self.not_learned,
        }


def run_backdoor_lab(
    dataset: Dataset,
    recipe: BackdoorRecipe,
    settings: TrainingSettings,
    root: DataRoot,
    *,
    proxy: Classifier | None = None,
    original: Classifier | None = None,
    strength: float | None = None,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> BackdoorReport:
    """Poison, train a clean and a poisoned classifier alike, and try the trigger on both.

    Args:
        dataset: a clean one.
        recipe: what is stamped on which images; with a perturbation the same without one is taught beside, as control.
        settings: of all trainings.
        root: where everything is kept.
        proxy: the classifier that the perturbation is made under.
        original: the classifier of the clean data set, where it was trained before.
        strength: of the trigger on test images; the recipe's where None.
        by: who asks, for the histories.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the recipe does not fit the data set, or the proxy, or the original did not learn from it; nothing is
            made.
        BadTraining: a class is left without a training image.
    """
    check_poison(dataset, recipe, proxy=None if proxy is None else (proxy.name, proxy.spec.classes))
    tested_trigger(recipe, strength)
    if original is not None:
        check_learned(original.folder, dataset)

    def trained(on: Dataset, name: str) -> Classifier:
        work, told = root.work / "poisoning", called(progress, name)
        return train_classifier(on, settings, root.models, work=work, name=name, by=by, progress=told)

    def poisoned(what: str, one: BackdoorRecipe) -> Dataset:
        under = proxy if one.perturbation is not None else None
        name = f"{dataset.name}, {what}"
        return poison(dataset, one, root.datasets, name=name, proxy=under, by=by, progress=progress)

    # All of them before the first training: what cannot be carried out is refused at once.
    sets = {what: poisoned(what, one) for what, one in taught(recipe).items()}
    clean = original or trained(dataset, "clean model")
    models = {what: (poisoned_set, trained(poisoned_set, what)) for what, poisoned_set in sets.items()}
    return backdoor_report(dataset, recipe, clean, models, strength=strength, progress=progress)


def backdoor_report(
    dataset: Dataset,
    recipe: BackdoorRecipe,
    clean: Classifier,
    models: Mapping[str, tuple[Dataset, Classifier]],
    *,
    strength: float | None = None,
    progress: Progress = ignore,
) -> BackdoorReport:
    """What came of a backdoor whose classifiers are there.

    Args:
        dataset: the clean one.
        recipe: what was asked for.
        clean: the classifier of the clean data set.
        models: the poisoned data set and its classifier, by each of the words of `taught`.
        strength: of the trigger on test images; the recipe's where None.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the recipe does not fit the data set.
    """
    counted = rates(dataset, recipe)
    trigger = tested_trigger(recipe, strength)

    def tried(classifier: Classifier) -> BackdoorSuccess:
        return backdoor_success(load_model(classifier), dataset, trigger, recipe.target, progress=progress)

    rows = []
    for what, one in taught(recipe).items():
        poisoned, classifier = models[what]
        rows.append(Row(what, one, poisoned, tried(classifier), side(classifier, dataset, progress=progress)))
    before = side(clean, dataset, progress=progress)
    return BackdoorReport(dataset, counted, trigger.strength, tried(clean), before, tuple(rows))


def _analysis(of: BackdoorReport) -> Iterator[str]:
    counted, target = of.rates, of.clean.classes[of.rows[0].recipe.target]
    yield (
        f"{counted.n} of {counted.n_train} training images ({percent(counted.of_all)}) carry the trigger:"
        f" {percent(counted.of_target)} of those labelled {target}."
    )
    by_itself = of.original.success
    yield f"The clean model calls {by_itself} of the other test images {target} when the trigger is laid on them."
    for row in of.rows:
        lost = round(100 * ((of.original.accuracy.value or 0.0) - (row.success.accuracy.value or 0.0)), 2)
        beside = f"{abs(lost):.2f} points {'less' if lost > 0 else 'more'} than" if lost else "as high as"
        yield (
            f"The {row.what} calls {row.success.success} of them {target}, and {row.success.without_trigger} without"
            f" the trigger. Its accuracy on clean images is {row.success.accuracy},"
            f" {beside} that of the clean model."
        )
    if of.rows[0].success.success.interval[0] <= by_itself.interval[1]:
        yield (
            "The trigger cannot be told from chance here: its interval reaches that of the clean model. More poisoned"
            " images, a larger trigger or another kind of label make it stronger."
        )
