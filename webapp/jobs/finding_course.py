"""What each stretch of a search for poison costs next to the others."""

from pipeline.poisoning.search_trainings import for_few
from pipeline.training.settings import TrainingSettings
from webapp.jobs.course import learning

FEATURES, FOLDS, ALONE, ALONE_FOLDS, ASKING = (
    "looking at features",
    "fold ",
    "trusted images alone: ",
    "trusted images alone: fold ",
    "asking ",
)
"""The stretches of a search in its order, by how their words begin."""


def search_costs(n: int, settings: TrainingSettings, n_trusted: int) -> dict[str, float]:
    """What each stretch of a search costs, in images that are learned from, as far as that is known before.

    Args:
        n: training images.
        settings: of the classifiers of the four folds.
        n_trusted: of the images; 0 where nobody vouches for any.
    """
    costs = {FEATURES: n / 3, FOLDS: 3 * learning(settings, n) + n / 3}
    if n_trusted:
        # One classifier of all trusted images alone, and three of two thirds each.
        few = for_few(settings, n_trusted)
        costs |= {ALONE: learning(few, n_trusted) + n / 3, ALONE_FOLDS: 2 * learning(few, n_trusted)}
    return costs | {ASKING: n / 3}
