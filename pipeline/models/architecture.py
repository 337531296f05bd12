"""What the registry knows of an architecture."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from pipeline.models.spec import ClassifierSpec


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A network that can be built from a specification.

    The children of the built network before `head_name`, applied in order and flattened, give
    the penultimate vector; the child `head_name` makes the outputs of it. Features for the
    detector and the compiled gate are taken by this rule. `stage_names` are the modules, earliest
    first, whose maps are looked at on the way there, one a resolution; the last resolution
    is left to the penultimate vector.
    """

    name: str
    title: str
    head_name: str
    stage_names: tuple[str, ...]
    min_side: int
    mean: float | tuple[float, float, float]
    std: float | tuple[float, float, float]
    build: Callable[[ClassifierSpec], nn.Module]
    start_from_imagenet: Callable[[nn.Module, Path | None], None] | None = None
