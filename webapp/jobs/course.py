"""How far a part of a job is, told as one: whatever it does in turn counts from nothing to all, and has its share."""

from collections.abc import Callable, Mapping
from itertools import accumulate, pairwise

from datasets.progress import Progress
from pipeline.training.settings import TrainingSettings

JUDGING, WRITING = "classifying images", "writing the data set"
"""Stretches by how their words begin: a classifier's answers, and a derived data set."""
ELSE = ""
"""The stretch of all words that no other one claims, such as the epochs of a training."""

_STEP = 32  # What a step costs whatever its batch, in images; a guess between digits, where it is more, and scans.
_FORWARD = 1 / 3  # Of learning from an image: no way back through the network, and no step.
_WRITTEN = 0.05  # Of learning from an image: it is read, hashed and written once; a guess.
_PARTS = 10_000


class Course:
    """A progress that carries those of the stretches to one of the whole; it never goes back.

    Args:
        costs: every stretch in its order, by how its words begin, with what it costs next to the others; words that
            begin several belong to the longest of them.
        progress: told of the whole.
        words: how what is done is said; as it comes, where none is given.
        times: how often a stretch comes, each time from nothing to all, where that is more than once.

    What was done before, as after a restart, says nothing; the next stretch counts it as done. What belongs to no
    stretch, and preparing one, leaves the whole where it is.
    """

    def __init__(
        self,
        costs: Mapping[str, float],
        progress: Progress,
        *,
        words: Callable[[str], str] = str,
        times: Mapping[str, int] | None = None,
    ) -> None:
        self._whole = sum(costs.values())
        self._spans = dict(zip(costs, pairwise(accumulate(costs.values(), initial=0.0)), strict=True))
        self._longest_first = sorted(costs, key=len, reverse=True)
        self._progress, self._words, self._times = progress, words, times or {}
        self._n_ended = dict.fromkeys(costs, 0)
        self._reached = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell how far the whole is."""
        stretch = next((one for one in self._longest_first if what.startswith(one)), None)
        if stretch is not None and total and "preparing" not in what:
            start, end = self._spans[stretch]
            self._reached = max(self._reached, start + (end - start) * self._share(stretch, min(1.0, done / total)))
        self._progress(round(_PARTS * self._reached / self._whole), _PARTS, self._words(what))

    def _share(self, stretch: str, share: float) -> float:
        """Of a stretch, over all the times that it comes."""
        times, ended = self._times.get(stretch, 1), self._n_ended[stretch]
        self._n_ended[stretch] += share == 1.0
        return min(1.0, (ended + share) / times)


def learning(settings: TrainingSettings, n: float) -> float:
    """What it costs to learn from so many images, in images."""
    how = settings.hardening
    attacked = 0.0 if how is None else how.share * how.n_gradients
    return settings.epochs * n * (1 + attacked) * (1 + _STEP / settings.batch_size)


def training_costs(settings: TrainingSettings, n: int, n_judged: int) -> dict[str, float]:
    """What it costs to train on n images and then to judge others."""
    return {ELSE: learning(settings, n), **judging_costs(n_judged)}


def judging_costs(n: float) -> dict[str, float]:
    """What it costs to ask a classifier about so many images, one after the other."""
    return {JUDGING: max(n, 1) * _FORWARD}


def writing_costs(n: int) -> dict[str, float]:
    """What it costs to write a data set of so many images."""
    return {WRITING: max(n, 1) * _WRITTEN}
