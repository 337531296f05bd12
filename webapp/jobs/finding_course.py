"""How far a search for poison is, told as one: its parts, each of which counts from nothing to all, come one by one."""

from itertools import accumulate, pairwise

from datasets.progress import Progress

_COSTS = {
    "looking at features": 2.0,
    "fold ": 70.0,
    "trusted images alone: ": 10.0,
    "trusted images alone: fold ": 15.0,
    "asking ": 3.0,
}
"""What a search does in its order, by how its words begin, and a guess at what each costs: the folds are most."""

_SPANS = dict(zip(_COSTS, pairwise(accumulate(_COSTS.values(), initial=0.0)), strict=True))
_BY_LENGTH = sorted(_COSTS, key=len, reverse=True)
_WHOLE = sum(_COSTS.values())
_PARTS = 10_000


class SearchCourse:
    """A progress that carries those of the parts to one of the whole; it never goes back.

    Without trusted images their parts are counted as done when the finders are asked.
    """

    def __init__(self, progress: Progress, *, words: str = "") -> None:
        self._progress, self._words = progress, words
        self._reached = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell how far the whole is; what belongs to no part, and preparing one, leaves it where it is."""
        part = next((one for one in _BY_LENGTH if what.startswith(one)), None)
        if part is not None and total and "preparing" not in what:
            start, end = _SPANS[part]
            self._reached = max(self._reached, start + (end - start) * min(1.0, done / total))
        self._progress(round(_PARTS * self._reached / _WHOLE), _PARTS, f"{self._words}{what}")
