"""Finding and adding a universal perturbation: projected sign ascent on the mean loss of many images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from datasets.duplicates import pixels_sha256
from datasets.image import to_unit
from datasets.progress import Progress, ignore
from pipeline.attacks.attack import Tick
from pipeline.attacks.losses import least_likely
from pipeline.attacks.outcome import right_before
from pipeline.attacks.problem import Problem, pose
from pipeline.attacks.projections import project_linf
from pipeline.attacks.result import AttackResult, reasons
from pipeline.attacks.run import Target
from pipeline.attacks.universal import Universal, as_text
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel

BATCH = 32
# An image that is fooled by this many logits has no more say: Shafahi et al. 2020 cut the cross entropy at about 9,
# which for such an image is about its margin.
CLAMP = 9.0
# The step in shares of eps, from the first to the last one: long enough to cross the ball, short enough to settle.
FIRST_STEP, LAST_STEP = 0.25, 0.02


@dataclass(frozen=True, eq=False)
class UniversalFit:
    """A fitted attack, and how it did on the images it saw."""

    attack: Universal
    n_images: int  # classified right, and so attacked
    n_fooled: int  # of them, after rounding to whole levels


def added(problem: Problem, delta: npt.NDArray[np.int16], bits: int, tick: Tick) -> AttackResult:
    """Every image of the batch with the perturbation (H, W, C) on it.

    Raises:
        BadAttack: the images are of another shape.
    """
    found, wanted = tuple(problem.x.shape[1:]), (delta.shape[2], *delta.shape[:2])
    if found != wanted:
        raise BadAttack(
            f"images of {found[1]}x{found[2]}x{found[0]} levels, a perturbation of {wanted[1]}x{wanted[2]}x{wanted[0]};"
            " fit one on images of this shape"
        )
    step = torch.from_numpy(delta.astype(np.float32)).permute(2, 0, 1).to(problem.x) / ((1 << bits) - 1)
    x_adv = problem.confined(project_linf(problem.x + step, problem.x, problem.eps))
    tick()
    success = problem.fooled(x_adv)
    masked = torch.zeros_like(success)
    if not success.all():
        masked[~success] = problem.part(~success).no_slope()
    return AttackResult(x_adv, success, torch.zeros_like(problem.y), reasons(success, masked))


def fit_universal(
    model: PixelModel,
    levels: npt.NDArray[np.uint8 | np.uint16],
    bits: int,
    y: npt.NDArray[np.int64],
    *,
    eps: float,
    steps: int,
    seed: int,
    target: Target = None,
    mask: npt.NDArray[np.bool_] | None = None,
    progress: Progress = ignore,
) -> UniversalFit:
    """The perturbation that fools the model on most of these images, in whole levels.

    delta <- clip(delta + alpha * sign(mean gradient over a minibatch)), each image's loss cut off where the image is
    surely fooled. That is algorithm 2 of Shafahi et al. 2020, arXiv:1811.11304, with a shrinking step, and the cut
    made on the margin, which is the same thing for a targeted attack too. It stands in for the loop over single images
    of Moosavi-Dezfooli et al. 2017, arXiv:1610.08401, whose result hangs on the order of the images and costs a
    DeepFool run for each image and pass. After each pass the rounded perturbation is judged on all images, and the best
    is kept.

    The images are taken in the order of their content, so the order in which they are given does not matter.

    Args:
        model: the classifier; only images that it has right are used.
        levels: (N, H, W, C), all of the shape that the perturbation is to have.
        bits: their depth.
        y: (N,) true classes.
        eps: the largest change of a pixel, in pixel fractions; below one level there is nothing to fit.
        steps: minibatches.
        seed: of the order of the minibatches.
        target: (N,) a class for each image to reach, or the one that the model believes in least; without it, any
            wrong one.
        mask: (H, W) or (N, H, W), true where pixels may change.
        progress: told of steps.

    Raises:
        BadAttack: values do not fit, or no image is classified right.
    """
    empty = Universal(eps=eps, steps=steps)
    order = _by_content(levels, bits, y)
    x = torch.from_numpy(to_unit(levels[order], bits)).permute(0, 3, 1, 2)
    with model.frozen():
        problem = _posed(empty, model, x, y[order], _sorted(target, order), _sorted_mask(mask, order))
        top = (1 << bits) - 1
        delta, n_fooled = _climbed(problem, steps, top, torch.Generator().manual_seed(seed), progress)
    whole = delta.permute(1, 2, 0).cpu().numpy().astype(np.int16)
    attack = Universal(eps=eps, steps=steps, delta=as_text(whole, bits))
    return UniversalFit(attack, len(problem.x), n_fooled)


def _climbed(problem: Problem, steps: int, top: int, source: torch.Generator, progress: Progress) -> tuple[Tensor, int]:
    """The best perturbation (C, H, W) in levels, and how many images it fools."""
    n, radius = len(problem.x), float(problem.eps[0])
    largest = int(radius * top * (1 + 1e-6))
    delta = torch.zeros_like(problem.x[0])
    best, n_fooled = delta.clone(), 0
    queue: list[Tensor] = []
    for k in range(steps):
        progress(k, steps, "fitting the universal perturbation")
        if not queue:
            queue = _batches(torch.randperm(n, generator=source).to(problem.x.device))
        delta = (delta + _step(radius, k, steps) * _slope(problem.part(queue.pop()), delta).sign()).clamp(
            -radius, radius
        )
        if queue and k + 1 < steps:
            continue
        whole = (delta * top).round().clamp(-largest, largest)
        fooled = _n_fooled(problem, whole / top)
        if fooled >= n_fooled:
            best, n_fooled = whole, fooled
    progress(steps, steps, "fitting the universal perturbation")
    return best, n_fooled


def _slope(batch: Problem, delta: Tensor) -> Tensor:
    """The gradient of the clamped loss by the perturbation, (C, H, W)."""
    gradient, logits, _ = batch.gradient(_with(batch, delta))
    undecided = ~(batch.won_by(logits) > CLAMP)
    # A sum and not a mean: only its sign is used.
    slope: Tensor = gradient[undecided].sum(0)
    return slope


def _n_fooled(problem: Problem, delta: Tensor) -> int:
    parts = map(problem.part, _batches(torch.arange(len(problem.x), device=problem.x.device)))
    return sum(int(part.fooled(_with(part, delta)).sum()) for part in parts)


def _batches(rows: Tensor) -> list[Tensor]:
    return [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]


def _with(problem: Problem, delta: Tensor) -> Tensor:
    return problem.confined((problem.x + delta).clamp(0, 1))


def _step(radius: float, k: int, steps: int) -> float:
    share: float = FIRST_STEP * (LAST_STEP / FIRST_STEP) ** (k / max(steps - 1, 1))
    return radius * share


def _posed(
    attack: Universal, model: PixelModel, x: Tensor, y: np.ndarray, target: Target, mask: np.ndarray | None
) -> Problem:
    """The images that the model has right and that have another class to reach."""
    device = model.mean.device
    x, labels = x.to(device), torch.from_numpy(y).to(device)
    with torch.no_grad():
        logits = torch.cat([model(part) for part in _batches(x)])
    goal = least_likely(logits) if isinstance(target, str) else None if target is None else torch.from_numpy(target)
    right = right_before(logits, labels)
    if goal is not None:
        goal = goal.to(device)
        right &= goal != labels
    if not right.any():
        raise BadAttack("no image to fit on: none is classified right; give images that the classifier knows")
    free = None if mask is None else torch.from_numpy(mask if mask.ndim == 2 else mask[:, None])
    if free is not None and free.ndim == 4:
        free = free[right.cpu()]
    part = None if goal is None else goal[right]
    return pose(attack, model, x[right], labels[right], target=part, eps=None, mask=free, n_seeds=int(right.sum()))


def _by_content(levels: np.ndarray, bits: int, y: np.ndarray) -> npt.NDArray[np.int64]:
    if levels.ndim != 4 or not len(levels) or len(y) != len(levels):
        raise BadAttack(f"levels of shape {levels.shape} and {len(y)} classes; give (N, H, W, C) and N classes")
    keys = [(pixels_sha256(image, bits), int(label)) for image, label in zip(levels, y, strict=True)]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def _sorted(target: Target, order: Sequence[int] | np.ndarray) -> Target:
    return target[order] if isinstance(target, np.ndarray) else target


def _sorted_mask(mask: np.ndarray | None, order: np.ndarray) -> np.ndarray | None:
    return mask[order] if mask is not None and mask.ndim == 3 else mask
