"""How a run trains the hardened classifier that it perturbs images under; known without torch."""

from dataclasses import replace

from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings

PROXY = "hardened proxy"
"""What it is called."""
_LONGER = 4 / 3  # Of the epochs of the others: 8 for digits, as they were measured.


def proxy_training(usual: TrainingSettings, hardening: HardeningSettings) -> TrainingSettings:
    """The settings of its training: hardened, for longer, of another seed than the model that it helps to attack."""
    return replace(usual, hardening=hardening, epochs=round(_LONGER * usual.epochs), seed=usual.seed + 1)
