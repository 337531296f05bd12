"""How far an adaptive evaluation is, told as one: each of its measurements counts from nothing to all of its scans."""

from collections.abc import Mapping
from itertools import accumulate

from datasets.progress import Progress
from pipeline.attacks.names import type_name
from pipeline.attacks.registry import create
from pipeline.detection.adaptive_plan import UNAWARE, AdaptivePlan

_PARTS = 10_000
_ALONE = "classifier alone"
_WORDS = {_ALONE: "The classifier alone"}
_STARTS_ALONE = 3  # Of Auto-PGD on the classifier alone: one up its first loss, two up the other.
_BOTH = 2  # A gradient of the gate passes through the classifier and the detector.


def course_of(plan: AdaptivePlan) -> dict[str, float]:
    """Every measurement of an evaluation in its order, by the words that its progress comes with.

    The value is what it costs next to the others, in gradients of the classifier on a scan that holds to the end.
    """
    grid = sorted({*plan.grid, *plan.radii})
    radii = sorted(plan.radii, reverse=True)
    alone = _STARTS_ALONE * create("apgd").n_gradients
    between = [level for level in grid if level not in plan.radii]

    def knowing(name: str, level: float) -> tuple[str, float]:
        return _called(name, level), _BOTH * plan.attack(name, level).n_gradients

    return {
        **{_called(_ALONE, level): alone for level in reversed(grid)},
        **{_called(name, level): create(name).n_gradients for level in radii for name in UNAWARE},
        **dict(knowing(name, level) for level in radii for name in plan.attacks),
        **dict(knowing(name, level) for level in between for name in plan.for_price),
    }


class Course:
    """A progress that carries the one of each measurement to the one of the whole; it never goes back.

    A measurement that was done before, or that has no scan left to try, says nothing; the next one counts it as done.
    """

    def __init__(self, costs: Mapping[str, float], progress: Progress) -> None:
        ends = list(accumulate(costs.values()))
        self._spans = {
            name: ((end - cost) / ends[-1], cost / ends[-1])
            for (name, cost), end in zip(costs.items(), ends, strict=True)
        }
        self._progress = progress
        self._reached = 0.0

    def __call__(self, done: int, total: int, what: str) -> None:
        """Tell how far the whole is; what the costs do not name leaves it where it is."""
        start, length = self._spans.get(what, (0.0, 0.0))
        self._reached = max(self._reached, start + length * min(done / total if total else 1.0, 1.0))
        name, comma, level = what.partition(", ")
        self._progress(round(_PARTS * self._reached), _PARTS, f"{_WORDS.get(name) or type_name(name)}{comma}{level}")


def _called(name: str, level: float) -> str:
    return f"{name}, {level:g}/255"
