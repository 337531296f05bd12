"""What a backdoor does to a classifier: poison, train, and stamp the trigger on test images."""

from dataclasses import dataclass, replace

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, load_model
from pipeline.poisoning.backdoor import BackdoorRecipe, Rates, rates
from pipeline.poisoning.poison import poison
from pipeline.poisoning.success import BackdoorSuccess, backdoor_success
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier


@dataclass(frozen=True)
class Row:
    """One poisoned model: what it was taught, and how the trigger works on it."""

    what: str
    recipe: BackdoorRecipe
    poisoned: Dataset
    classifier: Classifier
    success: BackdoorSuccess

    def to_json(self) -> dict[str, object]:
        """The row as JSON values."""
        return {
            "what": self.what,
            "recipe": self.recipe.to_json(),
            "poisoned_id": self.poisoned.id,
            "classifier_id": self.classifier.id,
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
        rows: the poisoned model, and where images were perturbed a second one taught without perturbation.
    """

    clean: Dataset
    rates: Rates
    strength: float
    classifier: Classifier
    original: BackdoorSuccess
    rows: tuple[Row, ...]

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
            "original": {"classifier_id": self.classifier.id, **self.original.to_json()},
            "rows": [row.to_json() for row in self.rows],
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
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the recipe does not fit the data set, or the proxy.
        BadTraining: a class is left without a training image.
    """
    counted = rates(dataset, recipe)
    trigger = recipe.trigger if strength is None else replace(recipe.trigger, strength=strength)

    def trained(on: Dataset, name: str) -> Classifier:
        def told(done: int, total: int, what: str) -> None:
            progress(done, total, f"{name}: {what}")

        return train_classifier(on, settings, root.models, work=root.work / "poisoning", name=name, progress=told)

    def tried(classifier: Classifier) -> BackdoorSuccess:
        return backdoor_success(load_model(classifier), dataset, trigger, recipe.target, progress=progress)

    def poisoned(what: str, one: BackdoorRecipe) -> Dataset:
        under = proxy if one.perturbation is not None else None
        return poison(dataset, one, root.datasets, name=f"{dataset.name}, {what}", proxy=under, progress=progress)

    recipes = {f"{recipe.labels}-label backdoor": recipe}
    if recipe.perturbation is not None:
        recipes["control without perturbation"] = replace(recipe, perturbation=None)
    # All of them before the first training: what cannot be carried out is refused at once.
    sets = {what: poisoned(what, one) for what, one in recipes.items()}
    clean = original or trained(dataset, "clean model")
    rows = []
    for what, one in recipes.items():
        classifier = trained(sets[what], what)
        rows.append(Row(what, one, sets[what], classifier, tried(classifier)))
    return BackdoorReport(dataset, counted, trigger.strength, clean, tried(clean), tuple(rows))
