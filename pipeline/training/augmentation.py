"""Small changes that leave a scan's class as it is."""

import math
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.errors import BadTraining


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far an image may be moved and toned; each value is drawn evenly within its bounds.

    Attributes:
        flip: share of the images that are mirrored left to right.
        rotation: largest angle in degrees, either way.
        scale: largest change of size, as a share.
        shift: largest move, as a share of the side.
        contrast: largest change of contrast, as a share.
        brightness: largest change of brightness, in pixels of [0, 1].

    Raises:
        BadTraining: a value outside its range.
    """

    flip: float = 0.5
    rotation: float = 8.0
    scale: float = 0.08
    shift: float = 0.04
    contrast: float = 0.15
    brightness: float = 0.04

    def __post_init__(self) -> None:
        for one in fields(self):
            value, highest = getattr(self, one.name), 180.0 if one.name == "rotation" else 1.0
            if not isinstance(value, (int, float)) or not 0 <= value <= highest:
                raise BadTraining(f"augmentation {one.name} {value!r}; give 0 to {highest:g}")

    @classmethod
    def from_json(cls, values: object) -> "Augmentation":
        """Augmentation from a JSON object; what is not named keeps its default.

        Raises:
            BadTraining: not an object, an unknown name, or a value that is no number in range.
        """
        if not isinstance(values, dict):
            raise BadTraining(f"augmentation is a JSON object, found {type(values).__name__}")
        try:
            return cls(**values)
        except TypeError as e:
            raise BadTraining(f"augmentation: {e}; see Augmentation") from e


def augment(x: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """The images, each changed in its own way, within [0, 1].

    Args:
        x: (N, C, H, W) in [0, 1], on any device.
        how: the bounds.
        generator: on the CPU, so that the same seed changes images alike on every device.
    """
    n = len(x)

    def drawn(bound: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1) * bound

    angle = drawn(math.radians(how.rotation))
    zoom = 1 + drawn(how.scale)
    mirror = torch.where(torch.rand(n, generator=generator) < how.flip, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = angle.cos() * zoom * mirror
    theta[:, 0, 1] = -angle.sin() * zoom
    theta[:, 1, 0] = angle.sin() * zoom * mirror
    theta[:, 1, 1] = angle.cos() * zoom
    # grid_sample's coordinates run from -1 to 1: a share of the side is twice that.
    theta[:, 0, 2] = drawn(2 * how.shift)
    theta[:, 1, 2] = drawn(2 * how.shift)
    contrast = (1 + drawn(how.contrast)).view(n, 1, 1, 1).to(x.device)
    brightness = drawn(how.brightness).view(n, 1, 1, 1).to(x.device)
    grid = F.affine_grid(theta.to(x.device), list(x.shape), align_corners=False)
    moved = F.grid_sample(x, grid, align_corners=False)
    return (moved * contrast + brightness).clamp(0, 1)
