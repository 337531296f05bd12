"""How far an image lies from all classes at every stage of the classifier, weighed over the stages."""

from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor, nn

from detector.folds import Description, out_of_fold
from detector.fusion import Fusion, fit_fusion
from detector.interface import Examples, Judge, Measured, Method, Seen
from detector.mahalanobis import Mahalanobis, fit_mahalanobis


class StageDistances(Judge):
    """A log Mahalanobis distance a stage, and a logistic regression over the stages."""

    def __init__(self, stages: list[Mahalanobis], fusion: Fusion) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.fusion = fusion

    @property
    def widths(self) -> tuple[int, ...]:
        """The features of each stage."""
        return tuple(stage.means.shape[1] for stage in self.stages if isinstance(stage, Mahalanobis))

    def forward(self, measured: Measured) -> Tensor:
        """The log-odds (N,) of an attack."""
        score: Tensor = self.fusion(stage_distances(self.stages, measured))
        return score


class LayerMahalanobis(Method):
    """Distances to the nearest class mean at all stages, weighed by logistic regression.

    Lee et al. 2018, arXiv:1807.03888, algorithm 1, on means over each map; without the input noise step, with the
    logarithm of the distance, which its long tail asks for, with Ledoit-Wolf shrinkage, and with the
    regression on distances that are taken out of fold instead of on a held-out tenth.
    """

    NAME = "layer-wise Mahalanobis"
    SOURCE = "Lee et al. 2018, arXiv:1807.03888"

    def _measure(self, seen: Seen) -> Measured:
        return seen.layers

    def _learn(self, examples: Examples) -> StageDistances:

        def described_by(clean: Examples) -> Description:
            stages = _fit_stages(clean)
            return lambda measured: stage_distances(stages, measured)

        fusion = fit_fusion(out_of_fold(examples, described_by), examples.is_adv)
        return StageDistances(_fit_stages(examples.chosen(examples.is_clean)), fusion)

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        method = cls()
        n_stages = sum(name.endswith(".means") for name in state)
        stages = [
            Mahalanobis(state[f"judge.stages.{k}.means"], state[f"judge.stages.{k}.whitening"]) for k in range(n_stages)
        ]
        method.judge = StageDistances(stages, Fusion.shaped_as(state, "judge.fusion"))
        return method


def stage_distances(stages: Iterable[nn.Module], measured: Measured) -> Tensor:
    """The log distance of each stage, (N, stages)."""
    return torch.stack([stage(features) for stage, features in zip(stages, measured, strict=True)], 1)


def _fit_stages(clean: Examples) -> list[Mahalanobis]:
    return [fit_mahalanobis(features, clean.labels) for features in clean.measured]
