"""Randomness that belongs to an image, and to nothing else."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

_SEED_BYTES = 8


def seed_for(pixels_sha256: str, attack_name: str, params_json: str, seed: int) -> int:
    """The seed of one image under one attack: the same for any batch, order, worker or resume."""
    parts = json.dumps([pixels_sha256, attack_name, params_json, seed])
    digest = hashlib.sha256(parts.encode()).digest()
    # One bit less than the generator takes, so that the number fits a signed 64-bit column.
    return int.from_bytes(digest[:_SEED_BYTES], "big") >> 1


def params_json(params: Mapping[str, object]) -> str:
    """Parameters in the one spelling that goes into a seed."""
    return json.dumps(params, sort_keys=True)


def uniform(x: Tensor, seeds: Sequence[int]) -> Tensor:
    """Numbers uniform in [0, 1), shaped like `x`; each image from its own generator."""
    images = [torch.rand(x.shape[1:], generator=_generator(seed)) for seed in seeds]
    return torch.stack(images).to(x.device, x.dtype)


def ball(x: Tensor, seeds: Sequence[int], free: Tensor) -> Tensor:
    """Points uniform by volume in the unit L2 ball, shaped like `x`.

    Args:
        x: (N, C, H, W), for the shape.
        seeds: one an image.
        free: (N, C, H, W) bool; the ball lies in these pixels, the others get 0.
    """
    generators = [_generator(seed) for seed in seeds]
    # float64 on the CPU whatever the device is: the radius is a root of a very high order.
    directions = torch.stack([torch.randn(x.shape[1:], generator=source, dtype=torch.float64) for source in generators])
    radii = torch.stack([torch.rand((), generator=source, dtype=torch.float64) for source in generators])
    inside = free.to("cpu", torch.float64)
    directions *= inside
    n_free = inside.flatten(1).sum(1).clamp_min(1)
    scale = radii.pow(1 / n_free) / directions.flatten(1).norm(dim=1).clamp_min(torch.finfo(torch.float64).tiny)
    points: Tensor = directions * scale.view(-1, 1, 1, 1)
    return points.to(x.device, x.dtype)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
