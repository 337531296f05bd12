"""A classifier of a run trained again by what its own notes say of its training, and held against the one that is kept.

What needs torch is imported where it is called: who only asks whether it can be done should not wait for it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import read_json
from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.training.settings import TrainingSettings

if TYPE_CHECKING:
    # Only for the type: it loads torch, and a web process reads this module too.
    from pipeline.models.files import Classifier

AGAIN = "training again"
"""How the words of its progress begin."""


@dataclass(frozen=True)
class Retrained:
    """What came of a training that was done again; the classifier that it made is gone again.

    Attributes:
        classifier_id: of the one that is kept: a hash of weights and specification.
        name: of the one that is kept.
        learned_from: id of the data that it learned from.
        replayed_id: of the one that was trained again; the same where every weight is.
        n: test images of the clean data that both were asked about.
        n_right: of the one that is kept.
        n_right_again: of the other.
        n_otherwise: test images that the two call otherwise.
        n_threads: of arithmetic, on which the last bits of a training hang.
    """

    classifier_id: str
    name: str
    learned_from: str
    replayed_id: str
    n: int
    n_right: int
    n_right_again: int
    n_otherwise: int
    n_threads: int

    @property
    def same(self) -> bool:
        """Whether every weight is the same."""
        return self.replayed_id == self.classifier_id

    def to_json(self) -> dict[str, object]:
        """What came of it as JSON values; accuracies are null where there is no test image."""
        n = self.n or None
        return {
            "classifier_id": self.classifier_id,
            "name": self.name,
            "learned_from": self.learned_from,
            "replayed_id": self.replayed_id,
            "same": self.same,
            "n": self.n,
            "accuracy": n and self.n_right / n,
            "accuracy_again": n and self.n_right_again / n,
            "n_otherwise": self.n_otherwise,
            "n_threads": self.n_threads,
        }


def settings_noted(folder: Path) -> TrainingSettings | None:
    """How the classifier of a folder says that it was trained; None where it does not, as one that was imported."""
    described: Any = read_json(folder / "classifier.json")
    said = described["notes"].get("settings")
    return None if said is None else TrainingSettings.from_json(said)


def check_retraining(folder: Path, *learned_from: str) -> tuple[str, TrainingSettings]:
    """The data that a classifier learned from, one of those named, and how it was trained.

    Raises:
        BadPoison: it learned from none of them, or does not say how.
    """
    described: Any = read_json(folder / "classifier.json")
    parents, how = described["parents"], settings_noted(folder)
    if how is None:
        raise BadPoison(f"the classifier {described['name']} does not say how it was trained; leave it out")
    known = [one for one in learned_from if one in parents]
    if not known:
        raise BadPoison(
            f"the classifier {described['name']} learned from {', '.join(parents) or 'data that it does not name'}, "
            f"neither from {' nor from '.join(learned_from)}; choose one of this run"
        )
    return known[0], how


def trained_again(
    folder: Path,
    learned: Dataset,
    judged_on: Dataset,
    beside: DataRoot,
    *,
    work: Path | None = None,
    progress: Progress = ignore,
) -> Retrained:
    """Train a classifier once more, on data that were made again, and ask both about the clean test images.

    On one machine with as many threads of arithmetic a training repeats to the last bit; on another machine, or with
    other threads, it may not, and then tells nothing against the record.

    Args:
        folder: of the classifier that is kept.
        learned: what it learned from, made again.
        judged_on: the clean data.
        beside: a data root that is thrown away, for what is made.
        work: what the training goes on from when it was killed; thrown away as well where it is not given.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the classifier does not say how it was trained.
        BadTraining, BadDevice, MissingWeights: as `train_classifier`.
        BrokenHistory: the classifier is not what its history says.
    """
    from pipeline.models.files import open_classifier
    from pipeline.training.train import train_classifier

    kept = open_classifier(folder)
    learned_from, how = check_retraining(folder, *kept.parents)
    told = called(progress, f"{AGAIN}: {kept.name}")
    made = train_classifier(learned, how, beside.models, work=work or beside.work, name=kept.name, progress=told)
    return _compared(kept, made, learned_from, judged_on, progress)


def _compared(
    kept: "Classifier", made: "Classifier", learned_from: str, judged_on: Dataset, progress: Progress
) -> Retrained:
    import torch

    from pipeline.poisoning.answers import answers

    asked = {"kept": kept} if made.id == kept.id else {"kept": kept, "again": made}
    said = answers(judged_on, asked, progress=progress)
    before, after = said.classes["kept"], said.classes.get("again", said.classes["kept"])
    true = judged_on.labels[said.items]
    return Retrained(
        classifier_id=kept.id,
        name=kept.name,
        learned_from=learned_from,
        replayed_id=made.id,
        n=len(true),
        n_right=int((before == true).sum()),
        n_right_again=int((after == true).sum()),
        n_otherwise=int((before != after).sum()),
        n_threads=torch.get_num_threads(),
    )
