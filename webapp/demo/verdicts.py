"""One clean and five attacked scans, written as files and screened as anybody would."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.adversarial_store import AdversarialRows
from datasets.image import encode_png
from datasets.store import open_dataset
from pipeline.adversarial.files import open_adversarial
from pipeline.artefacts import DataRoot
from pipeline.gate.decision import Decision, Verdict
from pipeline.gate.screening import open_gate, screen_upload
from webapp.errors import WebappError

ATTACKS = ("fgsm", "bim", "pgd", "mim", "cw")
SHOWN_EPS = 4 / 255


@dataclass(frozen=True)
class Example:
    """A scan, what was done to it, and what the gate made of it."""

    file: Path
    attack: str  # "none" for the clean one
    decision: Decision

    @property
    def right(self) -> bool:
        """Whether the verdict is the one that the scan deserves."""
        expected = Verdict.CLEAN if self.attack == "none" else Verdict.ADVERSARIAL
        return self.decision.verdict is expected


def screen_examples(
    data_root: Path,
    adversarial_id: str,
    gate_id: str,
    *,
    attacks: Sequence[str] = ATTACKS,
    eps: float = SHOWN_EPS,
) -> list[Example]:
    """Screen the first clean scan of the test split and the first success of each attack on it.

    They are taken in the order of the data set, whatever the gate says of them.

    Args:
        data_root: where the artefacts lie; the scans are written to `scans` in it.
        adversarial_id: the set that the attacks are taken from.
        gate_id: the gate that screens.
        attacks: registered names.
        eps: radius to take, of attacks that have one.

    Raises:
        WebappError: an attack has no success to show.
    """
    root = DataRoot(data_root)
    adversarial = open_adversarial(root.find("adversarial", adversarial_id))
    dataset = open_dataset(root.find("datasets", adversarial.dataset_id))
    rows, test = adversarial.rows(), dataset.indices("test")
    gate = open_gate(root.find("gates", gate_id))
    first = int(test[0])
    scans = {"none": (dataset.levels(first), dataset.items[first].bits)}
    for attack in attacks:
        row = _first_success(rows, attack, eps, test)
        scans[attack] = (rows.levels(row), int(rows.bits[row]))
    folder = data_root / "scans"
    folder.mkdir(exist_ok=True)
    examples = []
    for attack, (levels, bits) in scans.items():
        file = folder / f"{'clean' if attack == 'none' else attack}.png"
        file.write_bytes(encode_png(levels, bits))
        examples.append(Example(file, attack, screen_upload(gate, file.read_bytes(), file.name)))
    return examples


def table(examples: list[Example]) -> str:
    """The verdicts as text."""
    lines = ["", f"{'scan':<12} {'done to it':<11} {'verdict':<12} {'p-value':>8}  what it looks like", "-" * 76]
    for example in examples:
        decision, guess = example.decision, example.decision.attack
        looks = (
            f"{decision.prediction.class_name} {decision.prediction.probability:.0%}" if decision.prediction else "-"
        )
        if guess is not None:
            looks = guess.in_words()
        p = "-" if decision.p_value is None else f"{decision.p_value:.4f}"
        mark = "" if example.right else "   WRONG"
        lines.append(f"{example.file.name:<12} {example.attack:<11} {decision.verdict:<12} {p:>8}  {looks}{mark}")
    n_right = sum(example.right for example in examples)
    lines.append(f"{n_right} of {len(examples)} verdicts are right.")
    return "\n".join(lines)


def _first_success(rows: AdversarialRows, attack: str, eps: float, test: np.ndarray) -> int:
    chosen = (rows.attack == attack) & (rows.status == "success") & np.isin(rows.parent, test)
    if (rows.eps[chosen] > 0).any():
        chosen &= np.isclose(rows.eps, eps)
    found = np.flatnonzero(chosen)
    if len(found) == 0:
        raise WebappError(
            f"No {attack} fooled the classifier on the test split. Remove the data root and run it again."
        )
    return int(found[0])
