"""What the report on poisoning runs; how each value was chosen, and on what, stands in docs/results/README.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets.splits import Shares
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.perturbation import INTERPOLATED, Perturbation
from pipeline.poisoning.poison import Recipe
from pipeline.poisoning.triggers import Trigger
from pipeline.training.hardening_settings import HardeningSettings

SEEDS = (0, 1, 2)

DIRTY_5, DIRTY_1, CLEAN_5, CONTROL = "dirty-label 5 %", "dirty-label 1 %", "clean-label 5 %", "clean-label, control"
RATIOS = (0.05, 0.1, 0.2, 0.4, 0.5)
HALF = RATIOS[-1]
UNPOISONED, UNPOISONED_FEW = "unpoisoned", "unpoisoned, few trusted"
TIMED, TAMPERED = "timed run", "tampering"


def flips(ratio: float) -> str:
    """What flips of a ratio are called."""
    return f"flips {ratio:.0%}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a figure but the seed.

    Attributes:
        data: what the pictures are called in the report.
        only: names of the poisonings that are measured; all where it is empty.
        shares: of the pictures; those of val choose the epoch, and are neither poisoned nor tested on.
        trigger: of every backdoor.
        target: class number that it brings.
        perturbation: of clean-label images; as that of a run of the textbook in the lab.
        proxy: how the classifier is hardened that they are perturbed under, and for how long; as there.
        pair: class numbers that labels are flipped from and to.
        n_trusted: images drawn by chance that somebody vouches for; who looks at them leaves the poisoned ones out.
        n_few: so many of each class instead, where half of a class is flipped: enough, by docs/finding-poison.md.
        training: what every training differs in from the lab's quick one.
        strip_n: test images of each kind that STRIP is asked about.
    """

    data: str = "digits"
    only: tuple[str, ...] = ()
    shares: Shares = field(
        default_factory=lambda: Shares(train=0.76, val=0.04, detector=0.0, calibration=0.0, test=0.2)
    )
    trigger: Trigger = field(default_factory=Trigger)
    target: int = 0
    perturbation: Perturbation = field(
        default_factory=lambda: Perturbation(method=INTERPOLATED, eps=8.0, steps=40, share=1.0)
    )
    proxy: HardeningSettings = field(default_factory=lambda: HardeningSettings(method="fast", eps=0.2))
    proxy_epochs: int = 8
    pair: tuple[int, int] = (7, 1)
    n_trusted: int = 500
    n_few: int = 20
    training: Mapping[str, Any] = field(default_factory=dict)
    strip_n: int = 500

    def recipes(self, seed: int) -> dict[str, Recipe]:
        """What is done to the training images, by name."""
        same = {"trigger": self.trigger, "target": self.target, "seed": seed}
        backdoors: dict[str, Recipe] = {
            DIRTY_5: BackdoorRecipe(rate=0.05, **same),
            DIRTY_1: BackdoorRecipe(rate=0.01, **same),
            CLEAN_5: BackdoorRecipe(rate=0.05, labels=CLEAN, perturbation=self.perturbation, **same),
            CONTROL: BackdoorRecipe(rate=0.05, labels=CLEAN, **same),
        }
        source, target = self.pair
        recipes = backdoors | {
            flips(ratio): FlipRecipe(source=source, target=target, ratio=ratio, seed=seed) for ratio in RATIOS
        }
        return {name: recipe for name, recipe in recipes.items() if name in (self.only or recipes)}


DIGITS = Plan()
SCANS = Plan(
    data="brain MRI",
    only=(DIRTY_5, flips(0.2)),
    trigger=Trigger(height=3, width=3),
    target=2,  # No tumour: what a trigger must not bring.
    pair=(0, 1),  # Glioma, meningioma.
    # A seed is some 25 trainings: two minutes each, at this size. A mark in a corner stays there, toned like the rest.
    training={"size": 96, "epochs": 16, "augmentation": {"flip": 0.0, "rotation": 0.0, "scale": 0.0, "shift": 0.0}},
    strip_n=200,
)
