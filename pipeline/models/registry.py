"""Every architecture that a classifier can name."""

from pathlib import Path

import torch
from torch import nn

from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.architecture import Architecture
from pipeline.models.sequential_cnn import SEQUENTIAL_CNN
from pipeline.models.small_cnn import SMALL_CNN
from pipeline.models.spec import ClassifierSpec, check_side
from pipeline.models.vision import EFFICIENTNET_B0, RESNET18

_REGISTERED: dict[str, Architecture] = {}


def register(architecture: Architecture) -> None:
    """Add an architecture.

    Raises:
        BadClassifier: its name is taken.
    """
    if architecture.name in _REGISTERED:
        raise BadClassifier(f"the architecture {architecture.name!r} is registered already; give another name")
    _REGISTERED[architecture.name] = architecture


for _architecture in (SEQUENTIAL_CNN, SMALL_CNN, RESNET18, EFFICIENTNET_B0):
    register(_architecture)


def architectures() -> tuple[str, ...]:
    """The names of all architectures, in the order in which they were registered."""
    return tuple(_REGISTERED)


def architecture(name: str) -> Architecture:
    """The architecture of this name.

    Raises:
        BadClassifier: no architecture has it.
    """
    try:
        return _REGISTERED[name]
    except KeyError as e:
        raise BadClassifier(f"no architecture {name!r}; there are {', '.join(_REGISTERED)}") from e


def default_spec(name: str, *, classes: tuple[str, ...], channels: int, height: int, width: int) -> ClassifierSpec:
    """The specification with the normalisation that the architecture is made for."""
    known = architecture(name)
    return ClassifierSpec(
        architecture=name,
        channels=channels,
        height=height,
        width=width,
        classes=classes,
        mean=_per_channel(known.mean, channels),
        std=_per_channel(known.std, channels),
    )


def build(spec: ClassifierSpec, pretrained: bool | Path = False, *, seed: int = 0) -> nn.Module:
    """A fresh network for the specification; the global random state stays as it was.

    Args:
        spec: names the architecture.
        pretrained: start from ImageNet weights, in this file or found in torch hub's cache.
        seed: of the random starting weights.

    Raises:
        BadClassifier: unknown architecture, an input too small for it, or no ImageNet weights exist for it.
        MissingWeights: its ImageNet weights are not on this machine.
    """
    known = architecture(spec.architecture)
    check_side(spec.architecture, spec.height, spec.width)
    if pretrained and known.start_from_imagenet is None:
        raise BadClassifier(f"{spec.architecture} has no ImageNet weights; train it from the start")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = known.build(spec)
    if pretrained and known.start_from_imagenet is not None:
        known.start_from_imagenet(network, pretrained if isinstance(pretrained, Path) else None)
    return network


def build_model(spec: ClassifierSpec, pretrained: bool | Path = False, *, seed: int = 0) -> PixelModel:
    """The same network inside its adapter, in training mode."""
    network = build(spec, pretrained, seed=seed)
    known = architecture(spec.architecture)
    return PixelModel(spec, network, head_name=known.head_name, stage_names=known.stage_names)


def _per_channel(value: float | tuple[float, float, float], channels: int) -> tuple[float, ...]:
    if isinstance(value, tuple):
        return value if channels == len(value) else (sum(value) / len(value),)
    return (value,) * channels
