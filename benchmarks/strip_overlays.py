"""What STRIP holds with so many overlays, on small classifiers of digits with a backdoor: a part of strip_report.

A network of two convolutions learns digits, some of which carry a 2x2 white trigger, somewhere, and the label 0. What
STRIP then holds is told for both ways and several numbers of overlays, judged by `StripRule` for each predicted class
and by one threshold for all: of triggered images that bring the target, and of clean ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.array_columns import ArrayLimits
from datasets.errors import BadArrays
from datasets.idx import find_pairs, idx_columns
from detector.poisoned.parts import Parts, choose_for_parts
from detector.poisoned.strip import Strip
from detector.poisoned.strip_rule import StripRule
from pipeline.gate.strip_choice import PARTS, SUMS
from pipeline.poisoning.success import Share

Json = dict[str, Any]

_N_CLASSES = 10
_TARGET = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a figure but the digits.

    Attributes:
        places: row and column of the trigger's first pixel, by name; a classifier each, and each of:
        shares: of the training images that are poisoned.
        seeds: a seed decides the division, the weights and the batches. Nothing was chosen on these: that parts are
            judged by one threshold was seen on 0 to 2 and tried on 3 and 4.
        overlays: how many are added, upwards; fewer are the first of the most.
        by_parts: onto how many parts are pasted.
        rate: of false rejects that both thresholds are set for.
        n_train: images that a classifier learns.
        n_calibrating: clean images, beside the overlays, that usual entropies and thresholds are known by.
        n_triggered: test images of other classes than the target that are shown with the trigger.
        n_clean: test images that are shown as they are.
        epochs: of the training.
        batch: images of a step.
    """

    places: Mapping[str, tuple[int, int]] = field(default_factory=lambda: {"corner": (1, 1), "edge": (6, 24)})
    shares: tuple[float, ...] = (0.05, 0.01)
    seeds: tuple[int, ...] = (5, 6, 7)
    overlays: tuple[int, ...] = (10, 20, 32, 64, 100)
    by_parts: tuple[int, ...] = (4,)
    rate: float = 0.01
    n_train: int = 5_000
    n_calibrating: int = 600
    n_triggered: int = 500
    n_clean: int = 1_000
    epochs: int = 6
    batch: int = 64


def read_digits(images: Path) -> tuple[Tensor, Tensor]:
    """Pixels (N, 1, H, W) in [0, 1] and classes (N,) of an IDX file, with the labels that lie beside it.

    Raises:
        BadArrays: it is none, or has no labels beside it.
    """
    pairs = find_pairs(images)
    if not images.is_file() or len(pairs) != 1:
        raise BadArrays(f"{images}: no IDX file of images with its labels beside it; name one as MNIST does")
    with idx_columns(pairs, ArrayLimits()) as columns:
        levels, classes = (np.concatenate(list(columns[name].pieces())) for name in ("images", "labels"))
    return torch.from_numpy(levels[:, None].astype(np.float32) / 255), torch.from_numpy(classes.astype(np.int64))


def overlays_tried(x: Tensor, y: Tensor, plan: Plan, *, place: str, share: float, seed: int) -> Iterator[Json]:
    """One row a way and number of overlays: how often the trigger works, what is held by class and by one threshold.

    Args:
        x: (N, 1, 28, 28).
        y: (N,).
        plan: of the measurement.
        place: name of where the trigger is.
        share: of the training images that are poisoned.
        seed: of the division, the weights and the batches.

    Raises:
        BadArrays: there are too few images for the plan.
    """
    train, laid_over, calibrating, test = _divided(len(x), plan, generator := torch.Generator().manual_seed(seed))
    poisoned = (y[train] != _TARGET).nonzero()[: int(share * len(train)), 0]
    x_train, y_train = x[train], y[train]
    x_train[poisoned], y_train[poisoned] = stamped(x_train[poisoned], plan.places[place]), _TARGET
    model = _trained(x_train, y_train, plan, seed, generator)
    with torch.no_grad():
        triggered = stamped(x[test[y[test] != _TARGET][: plan.n_triggered]], plan.places[place])
        brings = model(triggered).argmax(1) == _TARGET
        shown = {"known": x[calibrating], "found": triggered[brings], "alarms": x[test[: plan.n_clean]]}
        called = {name: model(some).argmax(1).numpy() for name, some in shown.items()}
        entropies = {name: nested_entropies(model, x[laid_over], plan.overlays, some) for name, some in shown.items()}
        tried = {(SUMS, m): {name: some[m] for name, some in entropies.items()} for m in plan.overlays}
        for m in plan.by_parts:
            parts = parts_of(model, x[laid_over], m)
            tried[PARTS, m] = {name: kept_by_parts(parts, some, called[name]) for name, some in shown.items()}
    works = Share(int(brings.sum()), len(brings)).to_json()
    for (by, m), wavering in tried.items():
        yield {
            "place": place,
            "poisoned": share,
            "seed": seed,
            "by": by,
            "overlays": m,
            "works": works,
            "by_class": _held(wavering, called, plan.rate, by_class=True),
            "single": _held(wavering, called, plan.rate, by_class=False),
        }


def nested_entropies(
    predict: Callable[[Tensor], Tensor], overlays: Tensor, counts: Sequence[int], x: Tensor
) -> dict[int, np.ndarray]:
    """The entropy (N,) in bits of x (N, C, H, W) under the first so many overlays, for counts that go upwards.

    Every overlay is asked about once, so that many counts cost no more than the largest.
    """
    entropies, total, before = {}, torch.zeros(len(x), dtype=torch.float64), 0
    for m in counts:
        total = total + (m - before) * Strip(predict, overlays[before:m]).entropy(x).double()
        entropies[m], before = (total / m).numpy(), m
    return entropies


def parts_of(model: nn.Module, drawn: Tensor, m: int) -> Parts:
    """Parts to be pasted onto m of the images that were drawn (n, C, H, W), as a gate chooses them."""

    def answers(pixels: np.ndarray) -> np.ndarray:
        told: np.ndarray = model(torch.from_numpy(pixels)).softmax(1).numpy()
        return told

    overlays = drawn.numpy()
    called = answers(overlays).argmax(1)
    places = choose_for_parts(called, m)
    return Parts(answers, overlays[places], called[places], batch=1024)


def kept_by_parts(parts: Parts, x: Tensor, called: np.ndarray) -> np.ndarray:
    """How much each of x (N, C, H, W), called so, wavers by parts (N,)."""
    return np.array([parts.wavering(one, int(k)) for one, k in zip(x.numpy(), called, strict=True)])


def stamped(x: Tensor, place: tuple[int, int]) -> Tensor:
    """The images with 2x2 white pixels from this row and column on."""
    x, (row, column) = x.clone(), place
    x[:, :, row : row + 2, column : column + 2] = 1
    return x


def _divided(n: int, plan: Plan, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Which images are learned, laid over, calibrate, and are tested on; no image twice."""
    sizes = plan.n_train, max(plan.overlays), plan.n_calibrating
    n_test = n - sum(sizes)
    if n_test < max(plan.n_triggered, plan.n_clean):
        needed = sum(sizes) + max(plan.n_triggered, plan.n_clean)
        raise BadArrays(f"{n:,} images; expected {needed:,} or more, for instance the 10,000 of MNIST's test set")
    return torch.randperm(n, generator=generator).split([*sizes, n_test])


def _held(wavering: dict[str, np.ndarray], called: dict[str, np.ndarray], rate: float, *, by_class: bool) -> Json:
    rule = StripRule.fit(wavering["known"], called["known"], _N_CLASSES, by_class=by_class)
    tau = rule.threshold(rate)
    return {name: _over(rule.score(wavering[name], called[name]), tau) for name in ("found", "alarms")}


def _over(scores: np.ndarray, tau: float) -> Json:
    return Share(int((scores > tau).sum()), len(scores)).to_json()


def _trained(x: Tensor, y: Tensor, plan: Plan, seed: int, generator: torch.Generator) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(
            *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(800, 64), nn.ReLU(), nn.Linear(64, _N_CLASSES)),
        )
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(plan.epochs):
        for batch in torch.randperm(len(x), generator=generator).split(plan.batch):
            optimiser.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
    return model.eval()
