"""What each part of a run of the poisoning lab costs next to the others, in images that are learned from."""

from datasets.store import Dataset
from pipeline.poisoning.backdoor import BackdoorRecipe, rates
from pipeline.poisoning.poison import Recipe
from pipeline.training.settings import TrainingSettings
from webapp.jobs.course import ELSE, judging_costs, training_costs, writing_costs
from webapp.jobs.poisoning_asked import poisonings

# How often a comparison shows all test images to a model: for its scores and for the answers that are kept; of a
# backdoor also with the trigger on, for both, and once more without it for the success beside.
_OF_FLIPS, _OF_BACKDOORS = 2, 5


def learning_costs(dataset: Dataset, how: TrainingSettings) -> dict[str, float]:
    """What it costs to train on a data set, and to judge on its test images."""
    return training_costs(how, len(dataset.indices("train")), len(dataset.indices("test")))


def poison_costs(dataset: Dataset, recipe: Recipe) -> dict[str, float]:
    """What it costs to poison a data set; a step of a perturbation is as dear as learning from the image once."""
    writing = writing_costs(len(dataset))
    if not isinstance(recipe, BackdoorRecipe) or recipe.perturbation is None:
        return writing
    return {ELSE: float(recipe.perturbation.steps * rates(dataset, recipe).n), **writing}


def comparison_costs(dataset: Dataset, recipe: Recipe) -> dict[str, float]:
    """What it costs to ask all models of a run about the test images."""
    return judging_costs(n_passes(recipe) * len(dataset.indices("test")))


def n_passes(recipe: Recipe) -> int:
    """How often all test images are shown to a model in a comparison."""
    each = _OF_BACKDOORS if isinstance(recipe, BackdoorRecipe) else _OF_FLIPS
    return each * (1 + len(poisonings(recipe)))
