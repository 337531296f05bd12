"""Feature matching: a scan with the classifier's features of a clean scan of another class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pipeline.attacks.adaptive.joint import JointPGD
from pipeline.attacks.attack import Tick

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.attacks.adaptive.ledger import GateResult
    from pipeline.attacks.adaptive.problem import GateProblem, Slopes


@dataclass(frozen=True, kw_only=True)
class FeatureMatching(JointPGD):
    """Sign steps towards the features of a clean scan of another class, and up the room.

    What hides in the features of clean scans is hidden from every detector that reads them: Sabour et al. 2016,
    arXiv:1511.05122, and the hierarchical feature constraint of Yao et al. 2021, arXiv:2012.09501. It differs from the
    latter in this: the guide is one clean scan a restart, of the nearest class first, and not a mixture fitted to each
    layer; the features are the penultimate ones; and the detector's own slope, weighed as in `JointPGD`, takes the
    place of the other layers.
    Every restart begins with the same lambda, `first`.
    """

    NAME: ClassVar[str] = "feature_matching"
    TITLE: ClassVar[str] = "Feature matching, towards a clean scan of another class"
    NEEDS_GUIDES: ClassVar[bool] = True

    def solve(self, problem: "GateProblem", seeds: Sequence[int], tick: Tick) -> "GateResult":  # type: ignore[override]
        """Climb towards another guide in each restart."""
        from pipeline.attacks.adaptive.aims import Weighed
        from pipeline.attacks.adaptive.climb import climb

        def aim_of(restart: int) -> Weighed:
            def ask(part: "GateProblem", rows: "Tensor", point: "Tensor") -> "Slopes":
                assert part.guides is not None  # noqa: S101 - an attack that needs guides is not called without.
                return part.slopes(point, part.guides[:, restart % part.guides.shape[1]])

            return Weighed(problem, self.first, ask)

        return climb(problem, self, seeds, tick, aim_of)
