"""How a run trains the hardened classifier that it perturbs images under; known without torch."""

from dataclasses import replace

from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings

PROXY = "hardened proxy"
"""What it is called."""


def proxy_training(usual: TrainingSettings, hardening: HardeningSettings) -> TrainingSettings:
    """The settings of its training: hardened, and of another seed than the model that it helps to attack."""
    return replace(usual, hardening=hardening, seed=usual.seed + 1)
