"""What an adaptive evaluation tries, on how many scans; reading it loads no torch."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS, create_adaptive
from pipeline.attacks.budget import check_count
from pipeline.errors import BadAttack

MAX_SCANS = 100_000
UNAWARE = ("pgd", "mim")
"""The attacks of the static figure: they know the classifier alone, with the steps that a detector is trained on."""


@dataclass(frozen=True, kw_only=True)
class AdaptivePlan:
    """How an adaptive evaluation goes.

    Attributes:
        n: scans at most, evenly from the split.
        radii: in 1/255, at which every attack is tried.
        grid: in 1/255, upwards: where the smallest radius of a scan is looked for.
        attacks: by name; those that lack a surrogate are left out and named.
        for_price: the attacks that look for the smallest radius between `radii`, one after the other.
        params: of an attack by its name, in place of its defaults.
        guides: clean scans that feature matching is given, evenly from the splits `train` and `calibration`.
        only_fooled: try before the gate only what APGD makes the classifier alone get wrong within the same
            radius; a scan that it does not counts as not passed.
        seed: of random starts.
    """

    n: int = 24
    radii: tuple[float, ...] = (2, 4, 8)
    grid: tuple[float, ...] = (1, 2, 3, 4, 6, 8, 12, 16)
    attacks: tuple[str, ...] = tuple(ADAPTIVE_ATTACKS)
    for_price: tuple[str, ...] = ("joint_pgd", "orthogonal_pgd")
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    guides: int = 64
    only_fooled: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        check_count("n", self.n, MAX_SCANS)
        check_count("guides", self.guides, MAX_SCANS, low=2)
        for name, levels in (("radii", self.radii), ("grid", self.grid)):
            if not levels or any(not 0 < k <= 255 or not math.isfinite(k) for k in levels):
                raise BadAttack(f"{name} {list(levels)}; give numbers above 0 and up to 255, such as 2, 4 and 8")
        if list(self.grid) != sorted(set(self.grid)):
            raise BadAttack(f"grid {list(self.grid)}; give each radius once, upwards")
        if not self.attacks:
            raise BadAttack(f"no attack; name some of {', '.join(ADAPTIVE_ATTACKS)}")
        for name in {*self.attacks, *self.for_price, *self.params}:
            self.attack(name, self.radii[0])

    def attack(self, name: str, level: float) -> AdaptiveAttack:
        """The attack of this name at a radius in 1/255."""
        return create_adaptive(name, {**self.params.get(name, {}), "eps": level / 255})

    def to_json(self) -> dict[str, object]:
        """The plan as JSON values."""
        return asdict(self)
