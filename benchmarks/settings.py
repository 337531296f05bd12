"""What is the same for all contestants; reading it loads no torch."""

from dataclasses import dataclass
from pathlib import Path

ATTACKS = ("fgsm", "bim", "pgd", "mim", "cw")
LIMIT = "limit"
"""The contestant that takes bare gradients and attacks nobody."""
STEP = "step"
"""The measurement of one step of PGD, beside the attacks."""
TRAINED = "trained"
"""The model that `make results-main` left in `TRAINED_ROOT`."""
TRAINED_ROOT = Path("var/results-main")

# Of the search by all peers that have one; Carlini's own.
CW_LR, CW_C_FIRST = 0.01, 1e-3


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Radius and steps of every attack; `cw_search` values of c with `cw_steps` each for the peers' Carlini-Wagner."""

    eps: float = 8 / 255
    alpha: float = 2 / 255
    steps: int = 10
    cw_search: int = 9
    cw_steps: int = 100


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One process: who attacks whom with what; `repeat` counts the rounds."""

    model: str
    channels: int
    n: int
    device: str
    attack: str
    contestant: str
    repeat: int
    threads: int
    settings: Settings = Settings()

    @property
    def cell(self) -> tuple[str, int, int, str, int]:
        """What is compared with what."""
        return (self.model, self.channels, self.n, self.device, self.threads)
