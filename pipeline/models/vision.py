"""ResNet-18 and EfficientNet-B0 as torchvision builds them, so that weights trained elsewhere fit."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.errors import BadClassifier, MissingWeights
from pipeline.models.architecture import Architecture
from pipeline.models.spec import MIN_SIDES, ClassifierSpec
from pipeline.models.torchvision_door import torchvision_models

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def imagenet_folder() -> Path:
    """Where torch keeps downloaded weights: torch hub's cache, moved by torch's own $TORCH_HOME."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _build_resnet18(spec: ClassifierSpec) -> nn.Module:
    network: nn.Module = torchvision_models().resnet18(weights=None, num_classes=spec.n_outputs)
    if spec.channels == 1:
        network.conv1 = _grey(network.get_submodule("conv1"))
    return network


def _build_efficientnet_b0(spec: ClassifierSpec) -> nn.Module:
    network: nn.Module = torchvision_models().efficientnet_b0(weights=None, num_classes=spec.n_outputs)
    if spec.channels == 1:
        first = network.get_submodule("features.0")
        assert isinstance(first, nn.Sequential)  # noqa: S101 - torchvision's pinned layout.
        first[0] = _grey(first[0])
    return network


def _grey(convolution: nn.Module) -> nn.Conv2d:
    """The same convolution of one channel, started like the sum over the three."""
    assert isinstance(convolution, nn.Conv2d)  # noqa: S101 - torchvision's pinned layout.
    grey = nn.Conv2d(
        1,
        convolution.out_channels,
        (convolution.kernel_size[0], convolution.kernel_size[1]),
        stride=(convolution.stride[0], convolution.stride[1]),
        padding=convolution.padding,  # type: ignore[arg-type] # annotated wider than what it stores
        bias=False,
    )
    with torch.no_grad():
        grey.weight.copy_(convolution.weight.sum(dim=1, keepdim=True))
    return grey


def _start_from_imagenet(network: nn.Module, file: Path | None, *, weights: str, first: str, head: str) -> None:
    """Copy all ImageNet weights but the head's, from the file or torch hub's cache.

    A grey first convolution takes the sum over the channels.
    """
    url: str = getattr(torchvision_models(), weights).IMAGENET1K_V1.url
    name = url.rsplit("/", 1)[-1]
    state = _read_checked(file or imagenet_folder() / name, stated=Path(name).stem.rsplit("-", 1)[-1])
    own = network.state_dict()
    if own[first].shape[1] == 1:
        state[first] = state[first].sum(dim=1, keepdim=True)
    kept = {key: value for key, value in state.items() if not key.startswith(f"{head}.")}
    own.update(kept)
    network.load_state_dict(own)


def _read_checked(file: Path, *, stated: str) -> dict[str, Tensor]:
    """The state dict of a file whose SHA-256 begins with these digits, as torch hub's files state it in their names."""
    if not file.is_file():
        raise MissingWeights(
            f"ImageNet weights {file.name} are not in {file.parent}; put the file there, name another with"
            " --pretrained FILE, or train without pretrained weights. Nothing is downloaded"
        )
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if not found.startswith(stated):
        raise BadClassifier(f"{file.name} has SHA-256 {found[:16]}…, expected {stated}…; fetch the file again")
    state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    return state


def _architecture(
    name: str,
    title: str,
    head: str,
    build: Callable[[ClassifierSpec], nn.Module],
    *,
    weights: str,
    first: str,
    stages: tuple[str, ...],
) -> Architecture:
    return Architecture(
        name=name,
        title=title,
        head_name=head,
        stage_names=stages,
        min_side=MIN_SIDES[name],
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        build=build,
        start_from_imagenet=partial(_start_from_imagenet, weights=weights, first=first, head=head),
    )


RESNET18 = _architecture(
    "resnet18",
    "ResNet-18",
    "fc",
    _build_resnet18,
    weights="ResNet18_Weights",
    first="conv1.weight",
    stages=("maxpool", "layer1", "layer2", "layer3"),
)
EFFICIENTNET_B0 = _architecture(
    "efficientnet_b0",
    "EfficientNet-B0",
    "classifier",
    _build_efficientnet_b0,
    weights="EfficientNet_B0_Weights",
    first="features.0.0.weight",
    stages=("features.1", "features.2", "features.3", "features.5"),
)
