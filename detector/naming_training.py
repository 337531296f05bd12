"""Training of the naming of attacks, on marks that were taken once."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detector.errors import NotFinite
from detector.naming import Naming

MISSED = 0.05
"""Share of the held-out scans of any known attack that may be called unknown for looking like none. Our choice: at 2 %
a tenth more of the harmless scans would be given a name."""

_BATCH = 128
_EPOCHS = 60
_MIN_STEPS = 60
_LR = 2e-3
_WEIGHT_DECAY = 1e-2
_WARMUP = 0.2
# Marks that hardly ever vary would otherwise shout at the first scan that has one.
_SPREAD_FLOOR = 0.1
# From far too timid to far too bold; a step is a tenth of a factor of e.
_TEMPERATURES = torch.exp(torch.arange(-10, 31) / 10)


@dataclass(frozen=True)
class NamingLessons:
    """Marks of scans with what was done to them.

    Attributes:
        marks: (N, N_MARKS).
        types: (N,) int64, places in TYPES; 0 for a scan without an attack, or with one that has no name.
    """

    marks: Tensor
    types: Tensor


def fit_naming(channels: int, lessons: NamingLessons, held_out: NamingLessons, *, seed: int = 0) -> Naming:
    """A naming that learned from lessons, whose probabilities are as often right on held-out scans as they say.

    Every type is drawn equally often; one that does not occur is never said. The global random generator is left as it
    was.

    Raises:
        NotFinite: a mark is NaN or infinite.
    """
    if not bool(torch.isfinite(lessons.marks).all()):
        raise NotFinite("the marks of scans hold NaN or infinity; check the images")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        naming = Naming(channels)
        naming.centre.copy_(lessons.marks.mean(0))
        naming.spread.copy_(lessons.marks.std(0, correction=0) + _SPREAD_FLOOR)
        _learn(naming, lessons, seed)
    naming.requires_grad_(False).eval()
    attacked = held_out.types > 0
    if bool(attacked.any()):
        logits, types = naming.judge(held_out.marks[attacked]), held_out.types[attacked]
        naming.temperature.fill_(fit_temperature(logits[:, 1:], types - 1))
        naming.doubt.fill_(fit_doubt(logits / naming.temperature, types))
    return naming


def fit_temperature(logits: Tensor, types: Tensor) -> float:
    """By what to divide the logits (N, T) for their softmax to be right as often as it says, every type counted alike.

    Guo et al. 2017, arXiv:1706.04599, by search over a grid; what differs is that the types weigh the same.
    """
    weights = _even(types)
    losses = [
        float((weights * F.cross_entropy(logits / t, types, reduction="none")).sum()) for t in _TEMPERATURES.tolist()
    ]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def fit_doubt(logits: Tensor, types: Tensor) -> float:
    """By how much the first of the logits (N, T) must be lowered for hardly any known attack to be called unknown.

    At most `MISSED` of the scans of each of the types (N,) stay where the first outweighs all others together; nothing
    is ever raised.
    """
    lead = logits[:, 0] - logits[:, 1:].logsumexp(1)
    return max(0.0, *(float(lead[types == k].quantile(1 - MISSED)) for k in sorted(set(types.tolist()))))


def _learn(naming: Naming, lessons: NamingLessons, seed: int) -> None:
    n_steps = max(_MIN_STEPS, _EPOCHS * len(lessons.types) // _BATCH)
    optimizer = torch.optim.AdamW(naming.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, total_steps=n_steps, pct_start=_WARMUP)
    rng, chances = np.random.default_rng(seed), _even(lessons.types).double().numpy()
    chances /= chances.sum()
    naming.train()
    for _ in range(n_steps):
        drawn = torch.from_numpy(rng.choice(len(chances), _BATCH, p=chances))
        loss = F.cross_entropy(naming.judge(lessons.marks[drawn]), lessons.types[drawn])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def _even(types: Tensor) -> Tensor:
    """Weights (N,) that sum to one and give every type that occurs the same share."""
    counts = torch.bincount(types)
    return 1 / (counts[types] * (counts > 0).sum())
