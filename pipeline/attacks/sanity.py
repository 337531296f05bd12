"""Checks that an evaluation of attacks can be trusted, on any classifier; each gives rows for a table.

After Carlini et al. 2019, arXiv:1902.06705, and the alarms of AutoAttack (Croce and Hein 2020, arXiv:2003.01690). All
rates are of images that the classifier has right, on the file as it is written and read again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.image import to_unit
from pipeline.attacks.attack import Attack
from pipeline.attacks.bim import BIM
from pipeline.attacks.budget import Norm
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.fgsm import FGML2, FGSM
from pipeline.attacks.mim import MIM
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.pgd import PGD, PGDL2
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel

GRID = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Radii in levels of 8 bits."""
STEPS = (1, 2, 5, 10, 20, 40)
BOUNDED: tuple[Attack, ...] = (FGSM(), BIM(), PGD(), MIM(), FGML2(), PGDL2())
RESTARTS = 5
# float32 pixels under L2, and one unit in the last place under Linf.
SLACK = 1e-6


@dataclass(frozen=True, kw_only=True)
class SanityRow:
    """One figure: `check` is its number in the protocol, `n` the images it was measured on."""

    check: int
    what: str
    required: str
    measured: str
    n: int
    met: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject:
    """A classifier and images that it has right; made by `subject`."""

    model: PixelModel
    levels: np.ndarray  # (N, H, W, C)
    bits: int
    y: np.ndarray
    clean_accuracy: float
    seed: int = 0
    batch_size: int = 32

    @property
    def n(self) -> int:
        """How many images there are."""
        return len(self.y)

    def attacked(self, attack: Attack, seed: int | None = None) -> LatticeResult:
        """What the attack makes of the images."""
        return attack_levels(
            self.model,
            attack,
            self.levels,
            self.bits,
            self.y,
            seed=self.seed if seed is None else seed,
            batch_size=self.batch_size,
        )

    def n_fooled(self, attack: Attack, seed: int | None = None) -> int:
        """How many images fool the classifier."""
        return int(self.attacked(attack, seed).success.sum())

    def loss(self, levels: np.ndarray) -> float:
        """The mean cross entropy of the true classes."""
        return float(F.cross_entropy(logits_of(self.model, levels, self.bits), torch.from_numpy(self.y)))


def subject(model: PixelModel, levels: np.ndarray, bits: int, y: np.ndarray, *, seed: int = 0) -> Subject:
    """Keep the images that the classifier has right.

    Raises:
        BadAttack: there is none.
    """
    right = (logits_of(model, levels, bits).argmax(1).numpy() == y).astype(bool)
    if not right.any():
        raise BadAttack(f"the classifier has none of {len(y)} images right; there is nothing to attack")
    return Subject(
        model=model, levels=levels[right], bits=bits, y=y[right], clean_accuracy=float(right.mean()), seed=seed
    )


@torch.no_grad()
def logits_of(model: PixelModel, levels: np.ndarray, bits: int) -> Tensor:
    """Logits (N, K) in evaluation mode, on the CPU."""
    with model.frozen():
        parts = [
            model(torch.from_numpy(to_unit(part, bits)).permute(0, 3, 1, 2).to(model.mean.device)).float().cpu()
            for part in np.array_split(levels, -(-len(levels) // 32))
        ]
    return torch.cat(parts)


def budgets(on: Subject, attacks: Sequence[Attack] = BOUNDED) -> list[SanityRow]:
    """1: a radius of 0 gives the file back bit for bit, and every file lies within its radius."""
    rows = []
    for attack in attacks:
        none = attack_levels(on.model, attack, on.levels, on.bits, on.y, eps=np.zeros(on.n), seed=on.seed)
        found = on.attacked(attack)
        size = float((found.linf if attack.NORM is Norm.LINF else found.l2).max())
        same = bool(np.array_equal(none.levels, on.levels))
        rows.append(
            SanityRow(
                check=1,
                what=f"{attack.NAME}: eps 0, and eps {attack.radius:.4g}",
                required=f"the same file at 0; at most {attack.radius:.4g}",
                measured=f"{'the same file' if same else 'another file'}; at most {size:.4g}",
                n=on.n,
                met=same and size <= attack.radius * (1 + SLACK),
            )
        )
    return rows


def monotony(on: Subject, *, grid: Sequence[float] = GRID, steps: Sequence[int] = STEPS) -> list[SanityRow]:
    """2: more radius and more steps fool no fewer, to one image."""
    rows = []
    for kind in (FGSM, BIM, PGD, MIM):
        fooled = [on.n_fooled(kind(eps=level / 255)) for level in grid]
        rows.append(_rising(on, f"{kind.NAME} over eps {', '.join(f'{level:g}' for level in grid)} /255", fooled))
    # At the radius that half of the images resist, so that there is something to win.
    radius = _undecided(on, grid)
    fooled = [on.n_fooled(BIM(eps=radius, alpha=max(radius / 10, 1 / 255 / 10), steps=n)) for n in steps]
    rows.append(
        _rising(on, f"bim over {', '.join(map(str, steps))} steps, eps {radius * 255:g}/255, alpha eps/10", fooled)
    )
    return rows


def order(on: Subject, *, grid: Sequence[float] = GRID) -> list[SanityRow]:
    """2: iterating, restarting and momentum each fool no fewer than without, to one image."""
    radius = _undecided(on, grid)
    fgsm, bim = on.n_fooled(FGSM(eps=radius)), on.n_fooled(BIM(eps=radius))
    mim = on.n_fooled(MIM(eps=radius))
    pgd = int(np.any([on.attacked(PGD(eps=radius), on.seed + k).success for k in range(RESTARTS)], axis=0).sum())
    pairs = (("bim", bim, "fgsm", fgsm), (f"pgd x {RESTARTS}", pgd, "bim", bim), ("mim", mim, "fgsm", fgsm))
    return [
        SanityRow(
            check=2,
            what=f"{strong} and {weak} at {radius * 255:g}/255",
            required=f"{strong} fools no fewer, to 1 image",
            measured=f"{more} and {fewer} of {on.n}",
            n=on.n,
            met=more >= fewer - 1,
        )
        for strong, more, weak, fewer in pairs
    ]


def unbounded(on: Subject, *, undefended: bool = True) -> list[SanityRow]:
    """3: without a bound everything is fooled, and at eps .5 an image can become grey: accuracy is chance at most."""
    n_classes = len(on.model.spec.classes)
    whole = on.n_fooled(PGD(eps=1.0, alpha=0.02, steps=100))
    grey = on.n - on.n_fooled(PGD(eps=0.5, alpha=0.02, steps=100))
    rows = [
        SanityRow(
            check=3, what="pgd, eps 1, 100 steps", required="all fooled", measured=f"{whole}", n=on.n, met=whole == on.n
        ),
        SanityRow(
            check=3,
            what="accuracy under pgd at eps .5",
            required=f"at most chance, {1 / n_classes:.0%}",
            measured=f"{grey / on.n:.1%}",
            n=on.n,
            met=grey / on.n <= 1 / n_classes,
        ),
    ]
    if undefended:
        found = on.attacked(CarliniWagner())
        rows.append(
            SanityRow(
                check=3,
                what=f"cw, its defaults; median L2 {np.median(found.l2):.3f}, mean {found.l2.mean():.3f}",
                required="all fooled",
                measured=f"{int(found.success.sum())}",
                n=on.n,
                met=bool(found.success.all()),
            )
        )
    return rows


def convergence(on: Subject, *, steps: int = 50, grid: Sequence[float] = GRID) -> list[SanityRow]:
    """4: twice the steps change next to nothing, and the loss climbs on its way."""
    radius = _undecided(on, grid)
    found = [on.attacked(BIM(eps=radius, alpha=radius / 10, steps=n)) for n in (steps, 2 * steps)]
    fooled = [int(one.success.sum()) for one in found]
    losses = [on.loss(one.levels) for one in found]
    curve = [on.loss(on.levels)]
    curve += [on.loss(on.attacked(BIM(eps=radius, alpha=radius / 10, steps=n)).levels) for n in (1, 2, 3, 5, 8, 12, 20)]
    climbs = sum(later >= earlier for earlier, later in pairwise(curve))
    change = abs(losses[1] / losses[0] - 1)
    return [
        SanityRow(
            check=4,
            what=f"bim at {radius * 255:g}/255, {steps} and {2 * steps} steps",
            required="success changes by < 1 point, mean loss by < 1 %",
            measured=f"{fooled[0]} and {fooled[1]} of {on.n}; loss {losses[0]:.4g} and {losses[1]:.4g}",
            n=on.n,
            met=abs(fooled[1] - fooled[0]) / on.n < 0.01 and change < 0.01,
        ),
        SanityRow(
            check=4,
            what="mean loss after 0, 1, 2, 3, 5, 8, 12, 20 steps",
            required="climbs in 6 of 7 intervals",
            measured=f"{climbs} of 7: " + ", ".join(f"{loss:.3g}" for loss in curve),
            n=on.n,
            met=climbs >= 6,
        ),
    ]


def _rising(on: Subject, what: str, fooled: Sequence[int]) -> SanityRow:
    highest = np.maximum.accumulate(fooled)
    return SanityRow(
        check=2,
        what=what,
        required="never fewer fooled, to 1 image",
        measured=", ".join(map(str, fooled)),
        n=on.n,
        met=bool((highest - np.asarray(fooled) <= 1).all()),
    )


def _undecided(on: Subject, grid: Sequence[float]) -> float:
    """The radius of the grid at which BIM fools nearest to half of the images."""
    rates = {level: on.n_fooled(BIM(eps=level / 255)) / on.n for level in grid if level >= 1}
    return min(rates, key=lambda level: abs(rates[level] - 0.5)) / 255
