"""What each measurement of an adaptive evaluation costs, and how it is called while it is made."""

from pipeline.attacks.names import type_name
from pipeline.attacks.registry import create
from pipeline.detection.adaptive_plan import UNAWARE, AdaptivePlan

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


def in_words(what: str) -> str:
    """What a measurement is called on pages, in place of its name in the plan."""
    name, comma, level = what.partition(", ")
    return f"{_WORDS.get(name) or type_name(name)}{comma}{level}"


def _called(name: str, level: float) -> str:
    return f"{name}, {level:g}/255"
