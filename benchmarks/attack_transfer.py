"""Sanity check 5 on the real classifier: attacks made on a second classifier, which was trained for this alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.attack_subject import SEED, Subject
from datasets.progress import Progress
from pipeline.attacks import sanity
from pipeline.attacks.sanity_compared import transfer
from pipeline.models.files import load_model
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier

EPS = 8 / 255
# Small pixels and few epochs: some two minutes on one thread. The mean of the weights follows them as quickly.
SURROGATE = TrainingSettings(size=96, epochs=6, averaging=0.98, seed=SEED + 1, device="cpu")


def transferred(subject: Subject, progress: Progress) -> dict[str, Any]:
    """The row of the check, on the test scans of the commonest shape; a stopped training goes on."""
    found: dict[str, Any] = subject.once("transfer", [SURROGATE.to_json(), EPS], lambda: _measured(subject, progress))
    return found


def _measured(subject: Subject, progress: Progress) -> dict[str, Any]:
    group = max(subject.groups(), key=lambda group: len(group.y))
    folder: Path = subject.work / "surrogate"
    home = folder / "models"
    other = train_classifier(subject.dataset, SURROGATE, home, work=folder, name="surrogate", progress=progress)
    surrogate = load_model(other)
    on = sanity.subject(subject.model(), group.levels, group.bits, group.y, seed=SEED)
    accuracy = sanity.subject(surrogate, group.levels, group.bits, group.y).clean_accuracy
    told = (
        f"a second classifier ({SURROGATE.architecture} of {SURROGATE.size} pixels a side and other starting weights, "
        f"{SURROGATE.epochs} epochs on the same training scans, {accuracy:.1%} of these test scans right)"
    )
    return asdict(transfer(on, surrogate, eps=EPS, told=told))
