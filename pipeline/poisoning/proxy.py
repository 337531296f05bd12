"""How a run trains the hardened classifier that it perturbs images under, and the note of it; known without torch."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.atomic import read_json, write_json
from pipeline.artefacts import DataRoot
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings

PROXY = "hardened proxy"
"""What it is called."""
_LONGER = 4 / 3  # Of the epochs of the others: 8 for digits, as they were measured.


def proxy_training(usual: TrainingSettings, hardening: HardeningSettings) -> TrainingSettings:
    """The settings of its training: hardened, for longer, of another seed than the model that it helps to attack."""
    return replace(usual, hardening=hardening, epochs=round(_LONGER * usual.epochs), seed=usual.seed + 1)


def note_proxy(root: DataRoot, proxy_id: str, dataset_id: str, settings: TrainingSettings) -> None:
    """Keep how a proxy was trained where it stays when the proxy itself is gone, so that it can be trained again."""
    file = _note(root, proxy_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, {"proxy_id": proxy_id, "dataset_id": dataset_id, "settings": settings.to_json()})


def noted_proxy(root: DataRoot, proxy_id: str, dataset_id: str) -> TrainingSettings | None:
    """How a proxy was trained on a data set; None where no note says so.

    The note is no proof: a classifier that it makes is the same where its id is.
    """
    try:
        told: Any = read_json(_note(root, proxy_id))
        return TrainingSettings.from_json(told["settings"]) if told["dataset_id"] == dataset_id else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(root: DataRoot, proxy_id: str) -> Path:
    return root.path / "reports" / f"proxy-{proxy_id}" / "training.json"
