"""How the nearest clean images lie around an image, at every stage of the classifier."""

from typing import Self

import torch
from torch import Tensor, nn

from detector.errors import NotEnoughSamples
from detector.folds import Description, out_of_fold
from detector.fusion import Fusion, fit_fusion
from detector.interface import Examples, Judge, Measured, Method, Seen

N_NEIGHBOURS = 20
"""Within the 10 to 30 that Lorenz et al. 2022 try."""

_FLOOR = 1e-6


def neighbour_profile(features: Tensor, bank: Tensor, k: int) -> Tensor:
    """The logarithms (N, k) of the distances to the k nearest of a bank.

    The first k - 1 are taken relative to the k-th, and with the sign turned they are the terms that
    `local_dimension` averages; the last is the distance to the k-th itself.

    Args:
        features: (N, D).
        bank: (M, D), M at least k.
        k: how many.
    """
    # The product form of the distance loses the digits that near neighbours differ in.
    distances = torch.cdist(features, bank, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.topk(k, 1, largest=False, sorted=True).values.clamp_min(_FLOOR).log()
    return torch.cat([nearest[:, :-1] - nearest[:, -1:], nearest[:, -1:]], 1)


def local_dimension(profile: Tensor) -> Tensor:
    """The local intrinsic dimensionality (N,) of `neighbour_profile`.

    The maximum-likelihood estimate from the k - 1 ratios: Amsaleg et al. 2015, doi:10.1145/2783258.2783405.
    """
    return -1 / profile[:, :-1].mean(1).clamp_max(-_FLOOR)


class StageNeighbours(Judge):
    """Clean features a stage, and a logistic regression over the profiles of all stages."""

    def __init__(self, banks: list[Tensor], fusion: Fusion) -> None:
        super().__init__()
        self.banks = nn.ParameterList([nn.Parameter(bank, requires_grad=False) for bank in banks])
        self.fusion = fusion
        self.k = len(fusion.weights) // len(banks)

    @property
    def widths(self) -> tuple[int, ...]:
        """The features of each stage."""
        return tuple(bank.shape[1] for bank in self.banks)

    def forward(self, measured: Measured) -> Tensor:
        """The log-odds (N,) of an attack."""
        score: Tensor = self.fusion(stage_profiles(list(self.banks), measured, self.k))
        return score


class Neighbours(Method):
    """Multi-LID: the terms of the local intrinsic dimensionality one by one, and the distance to the k-th neighbour.

    Lorenz et al. 2022, arXiv:2212.06776: the terms are kept apart where Ma et al. 2018, arXiv:1801.02613, average
    them. The distance to the k-th neighbour is the score of Sun et al. 2022, arXiv:2204.06507. What differs: the
    neighbours are those among the clean scans learned from and not among the other scans of a batch, so that a scan
    scores the same in any company; features are means over each map and are not brought to unit length; logistic
    regression stands for the random forest, since its state is a vector.
    """

    NAME = "multi-LID and nearest neighbours"
    SOURCE = "Lorenz et al. 2022, arXiv:2212.06776; Sun et al. 2022, arXiv:2204.06507"

    def __init__(self, *, k: int = N_NEIGHBOURS) -> None:
        """Look at the k nearest clean scans, k at least 2."""
        super().__init__()
        self.k = k

    def _measure(self, seen: Seen) -> Measured:
        return seen.layers

    def _learn(self, examples: Examples) -> StageNeighbours:
        def described_by(clean: Examples) -> Description:
            banks = self._banks(clean)
            return lambda measured: stage_profiles(banks, measured, self.k)

        fusion = fit_fusion(out_of_fold(examples, described_by), examples.is_adv)
        return StageNeighbours(self._banks(examples.chosen(examples.is_clean)), fusion)

    @classmethod
    def _shaped_as(cls, state: dict[str, Tensor]) -> Self:
        banks = [state[f"judge.banks.{k}"] for k in range(sum(name.startswith("judge.banks.") for name in state))]
        judge = StageNeighbours(banks, Fusion.shaped_as(state, "judge.fusion"))
        method = cls(k=judge.k)
        method.judge = judge
        return method

    def _banks(self, clean: Examples) -> list[Tensor]:
        if len(clean.labels) < self.k:
            raise NotEnoughSamples(
                f"{self.NAME}: {len(clean.labels)} clean images outside a fold; expected at least the {self.k} "
                "neighbours that are looked at: import more images"
            )
        return list(clean.measured)


def stage_profiles(banks: list[Tensor], measured: Measured, k: int) -> Tensor:
    """The profiles of all stages side by side, (N, stages k)."""
    return torch.cat([neighbour_profile(features, bank, k) for features, bank in zip(measured, banks, strict=True)], 1)
