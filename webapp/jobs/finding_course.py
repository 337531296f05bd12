"""How far a search for poison is, told as one: its parts, each of which counts from nothing to all, come one by one."""

from collections.abc import Mapping
from itertools import accumulate, pairwise

from datasets.progress import Progress
from pipeline.training.settings import TrainingSettings

FEATURES, FOLDS, ALONE, ALONE_FOLDS, ASKING = (
    "looking at features",
    "fold ",
    "trusted images alone: ",
    "trusted images alone: fold ",
    "asking ",
)
"""The parts of a search in its order, by how their words begin."""

_STEP = 32  # What a step costs whatever its batch, in images; a guess between digits, where it is more, and scans.
_PARTS = 10_000


def learning(settings: TrainingSettings, n: float) -> float:
    """What it costs to learn from so many images, in images."""
    return settings.epochs * n * (1 + _STEP / settings.batch_size)


def search_costs(n: int, settings: TrainingSettings, n_trusted: int, few: TrainingSettings) -> dict[str, float]:
    """What each part of a search costs next to the others, as far as that is known before.

    Args:
        n: training images.
        settings: of the classifiers of the four folds.
        n_trusted: of the images; 0 where nobody vouches for any.
        few: settings of the classifiers of the trusted images alone, one of all and three of two thirds each.
    """
    costs = {FEATURES: n / 3, FOLDS: 3 * learning(settings, n) + n / 3}
    if n_trusted:
        costs |= {ALONE: learning(few, n_trusted) + n / 3, ALONE_FOLDS: 2 * learning(few, n_trusted)}
    return costs | {ASKING: n / 3}


class SearchCourse:
    """A progress that carries those of the parts to one of the whole; it never goes back."""

    def __init__(self, costs: Mapping[str, float], progress: Progress, *, words: str = "") -> None:
        self._whole = sum(costs.values())
        self._spans = dict(zip(costs, pairwise(accumulate(costs.values(), initial=0.0)), strict=True))
        self._longest_first = sorted(costs, key=len, reverse=True)
        self._progress, self._words = progress, words
        self._reached = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell how far the whole is; what belongs to no part, and preparing one, leaves it where it is."""
        part = next((one for one in self._longest_first if what.startswith(one)), None)
        if part is not None and total and "preparing" not in what:
            start, end = self._spans[part]
            self._reached = max(self._reached, start + (end - start) * min(1.0, done / total))
        self._progress(round(_PARTS * self._reached / self._whole), _PARTS, f"{self._words}{what}")
