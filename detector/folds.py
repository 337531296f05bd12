"""Evidence that no example gave about itself: each fold is described by what the other folds hold."""

from collections.abc import Callable

import torch
from torch import Tensor

from detector.errors import NotEnoughSamples
from detector.interface import Examples, Measured

Description = Callable[[Measured], Tensor]
"""Measurements of N scans to evidence (N, E)."""


def out_of_fold(examples: Examples, described_by: Callable[[Examples], Description]) -> Tensor:
    """The evidence (N, E) of each example, given the clean examples of the other folds.

    A scan lies nearer to statistics that it is part of than any scan that comes later, and an attacked scan lies
    beside its own clean parent: weights learned from such evidence would not hold for new scans.

    Args:
        examples: in at least two folds that hold clean ones.
        described_by: from clean examples to a description of measurements.

    Raises:
        NotEnoughSamples: all clean examples lie in one fold.
    """
    folds = torch.unique(examples.fold)
    if len(torch.unique(examples.fold[examples.is_clean])) < 2:
        raise NotEnoughSamples(
            f"the clean images of {len(folds)} folds lie in one; expected two or more folds of them: import more images"
        )
    evidence: Tensor | None = None
    for fold in folds:
        inside = examples.fold == fold
        describe = described_by(examples.chosen(examples.is_clean & ~inside))
        some = describe(tuple(part[inside] for part in examples.measured))
        if evidence is None:
            evidence = some.new_empty((len(inside), some.shape[1]))
        evidence[inside] = some
    assert evidence is not None  # noqa: S101 - there are two folds.
    return evidence
