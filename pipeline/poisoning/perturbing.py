"""Clean-label images changed under a proxy, on the lattice of their files."""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from datasets.image import to_unit
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import Norm
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.lattice import to_lattice
from pipeline.attacks.pgd import PGDL2
from pipeline.attacks.projections import l2_norm, per_image
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadPoison
from pipeline.models.adapter import PixelModel
from pipeline.poisoning.choice import drawn
from pipeline.poisoning.perturbation import CW, INTERPOLATED, Perturbation

_BATCH = 64
# The step of Turner et al. for PGD as well: the ball is crossed in well under half of the steps.
_STEP = 2.5
_TINY = 1e-12


def perturbed(
    proxy: PixelModel,
    dataset: Dataset,
    rows: np.ndarray,
    how: Perturbation,
    *,
    seed: int = 0,
    progress: Progress = ignore,
) -> dict[int, np.ndarray]:
    """The levels (H, W, C) of these items after the change, by item.

    One that the proxy has wrong already is hard to learn from as it is, and stays so but where it is interpolated.

    Raises:
        BadPoison: an interpolation without an image of another class.
    """
    changed: dict[int, np.ndarray] = {}
    for bits, some in _alike(dataset, rows):
        levels = np.stack(dataset.batch(some))
        if how.method == INTERPOLATED:
            others = np.stack(dataset.batch(_partners(dataset, some, seed)))
            told = _interpolated(proxy, levels, others, bits, how, progress)
        else:
            told = attack_levels(
                proxy,
                _attack(how),
                levels,
                bits,
                dataset.labels[some],
                pixels_sha256=[dataset.items[index].pixels_sha256 for index in some],
                seed=seed,
                progress=progress,
            ).levels
        changed.update(zip(some, told, strict=True))
    return changed


def _attack(how: Perturbation) -> Attack:
    if how.method == CW:
        return CarliniWagner(kappa=how.kappa, steps=how.steps)
    return PGDL2(eps=how.eps, steps=how.steps, alpha=_STEP * how.eps / how.steps)


def _alike(dataset: Dataset, rows: np.ndarray) -> list[tuple[int, list[int]]]:
    """The items of each shape and depth, with that depth."""
    found: dict[tuple[tuple[int, int, int], int], list[int]] = defaultdict(list)
    for index in rows.tolist():
        found[dataset.items[index].shape, dataset.items[index].bits].append(index)
    return [(bits, some) for (_, bits), some in found.items()]


def _partners(dataset: Dataset, some: list[int], seed: int) -> list[int]:
    """For every item a training image of another class, of its shape and depth."""
    first = dataset.items[some[0]]
    train = [i for i in dataset.indices("train").tolist() if _fits(dataset, i, first.shape, first.bits)]
    partners = []
    for index in some:
        others = [i for i in train if dataset.items[i].label != dataset.items[index].label]
        if not others:
            raise BadPoison(
                f"{dataset.name} has no training image of another class with the shape of"
                f" {dataset.items[index].name}; choose another perturbation"
            )
        partners.append(int(drawn(dataset, others, 1, seed=seed + index, purpose="partner")[0]))
    return partners


def _fits(dataset: Dataset, index: int, shape: tuple[int, int, int], bits: int) -> bool:
    return dataset.items[index].shape == shape and dataset.items[index].bits == bits


def _interpolated(
    proxy: PixelModel, levels: np.ndarray, others: np.ndarray, bits: int, how: Perturbation, progress: Progress
) -> np.ndarray:
    """Images whose features lie part of the way to those of the others, within the radius."""
    done = []
    with proxy.frozen(channels_last=True):
        for start in range(0, len(levels), _BATCH):
            x, other = (_pixels(some[start : start + _BATCH], bits) for some in (levels, others))
            done.append(_towards(proxy, x, other, bits, how).numpy().transpose(0, 2, 3, 1).astype(levels.dtype))
            progress(min(start + _BATCH, len(levels)), len(levels), how.method)
    return np.concatenate(done)


def _towards(proxy: PixelModel, x: Tensor, other: Tensor, bits: int, how: Perturbation) -> Tensor:
    """The levels (N, C, H, W) after descending the distance of features, each step of one length."""
    with torch.no_grad():
        own, far = (proxy.features_and_logits(proxy.pixels(some))[0] for some in (x, other))
        goal = own + how.share * (far - own)
    delta = torch.zeros_like(x)
    for _ in range(how.steps):
        here = (x + delta).requires_grad_()
        features, _ = proxy.features_and_logits(proxy.pixels(here))
        (slope,) = torch.autograd.grad((features - goal).square().sum(), here)
        step = slope / per_image(l2_norm(slope).clamp_min(_TINY))
        delta = (x + delta - _STEP * how.eps / how.steps * step).clamp(0, 1) - x
        delta = delta * per_image((how.eps / l2_norm(delta).clamp_min(_TINY)).clamp_max(1))
    eps = torch.full((len(x),), how.eps)
    return to_lattice(x + delta, x, eps=eps, levels_max=(1 << bits) - 1, norm=Norm.L2)


def _pixels(levels: np.ndarray, bits: int) -> Tensor:
    return torch.from_numpy(to_unit(levels, bits).transpose(0, 3, 1, 2).copy())
