"""Looking for poison in a data set: every finder on the same evidence, and beside it the same data unpoisoned."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.atomic import content_id
from datasets.progress import Progress, called, ignore
from datasets.store import Dataset
from detector.poisoned.fused import Fused
from detector.poisoned.interface import Finder, Finding
from detector.poisoned.registry import FINDERS
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier
from pipeline.poisoning.chance import OF_SEARCH, Learning, not_learned
from pipeline.poisoning.evidence import Gathered, gather
from pipeline.poisoning.success import Share
from pipeline.poisoning.trusted import TrustedSubset
from pipeline.training.settings import TrainingSettings

UNPOISONED = "of the same data unpoisoned"
_NOBODY = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Subject:
    """A data set and the classifier that was trained on it."""

    dataset: Dataset
    classifier: Classifier


@dataclass(frozen=True, eq=False)
class Suspects:
    """What every finder says of the training images of one subject.

    Attributes:
        subject: who was looked at.
        trusted_id: of the trusted subset; None without.
        rows: the items, (n,) int64; everything a finding holds has so many rows.
        findings: by the finder's name.
        clean: what each finder flags on the same data unpoisoned, by its name; empty where these were not given.
        learning: whether the models that the finders rely on are better than chance.
    """

    subject: Subject
    trusted_id: str | None
    rows: np.ndarray
    findings: dict[str, Finding]
    clean: dict[str, Share]
    learning: tuple[Learning, ...] = ()

    @property
    def not_learned(self) -> str | None:
        """Which of them are not, and what to do; None where all are."""
        return not_learned(self.learning, OF_SEARCH)

    def ranked(self, finder: str = Fused.NAME) -> list[int]:
        """The items that a finder flags, the most suspicious first."""
        found = self.findings[finder]
        places = np.flatnonzero(found.flagged)
        return [int(self.rows[place]) for place in places[np.argsort(-found.score[places], kind="stable")]]

    def rates(self, poisoned: np.ndarray) -> dict[str, tuple[Share, Share]]:
        """By finder, the share of the poisoned items (m,) that it flags, and of all others, the trusted among them."""
        bad = np.isin(self.rows, poisoned)
        return {
            name: (
                Share(int(found.flagged[bad].sum()), int(bad.sum())),
                Share(int(found.flagged[~bad].sum()), int((~bad).sum())),
            )
            for name, found in self.findings.items()
        }

    def to_json(self, poisoned: np.ndarray | None = None) -> dict[str, object]:
        """Finders with their counts, and every image that one of them flags; rates where the truth is known."""
        rates = {} if poisoned is None else self.rates(poisoned)
        return {
            "dataset_id": self.subject.dataset.id,
            "classifier_id": self.subject.classifier.id,
            "trusted_id": self.trusted_id,
            "n": len(self.rows),
            "finders": {name: self._told(name, rates) for name in self.findings},
            "suspects": self._listed(),
            "learning": [one.to_json() for one in self.learning],
            "not_learned": self.not_learned,
        }

    def _told(self, name: str, rates: dict[str, tuple[Share, Share]]) -> dict[str, Any]:
        found = self.findings[name]
        told: dict[str, Any] = {"flagged": Share(int(found.flagged.sum()), len(self.rows)).to_json()}
        if name in self.clean:
            told["flagged_unpoisoned"] = self.clean[name].to_json()
        if name in rates:
            told["true_positives"], told["false_positives"] = (share.to_json() for share in rates[name])
        return {**told, "facts": found.facts}

    def _listed(self) -> list[dict[str, object]]:
        first = self.findings[Fused.NAME]
        any_flag = np.logical_or.reduce([found.flagged for found in self.findings.values()])
        places = np.flatnonzero(any_flag)
        order = places[np.lexsort((-first.score[places], ~first.flagged[places]))]
        return [self._suspect(int(place)) for place in order]

    def _suspect(self, place: int) -> dict[str, object]:
        index = int(self.rows[place])
        item, first = self.subject.dataset.items[index], self.findings[Fused.NAME]
        return {
            "index": index,
            "name": item.name,
            "label": item.label,
            "suggested": None if first.suggested is None else int(first.suggested[place]),
            "score": float(first.score[place]),
            "scores": {name: float(found.score[place]) for name, found in self.findings.items()},
            "flagged_by": [name for name, found in self.findings.items() if bool(found.flagged[place])],
        }


def find_poison(
    subject: Subject,
    settings: TrainingSettings,
    root: DataRoot,
    *,
    trusted: TrustedSubset | None = None,
    unpoisoned: Subject | None = None,
    finders: Sequence[type[Finder]] = FINDERS,
    progress: Progress = ignore,
) -> Suspects:
    """Ask every finder about the training images.

    A finder whose evidence is missing is left out: without trusted images those that need a reference.

    Args:
        subject: the suspected data set and the classifier trained on it.
        settings: of the classifiers that are trained meanwhile, best those of the subject's.
        root: for work in progress.
        trusted: images that are vouched for.
        unpoisoned: the same data before a poisoning of the lab, on which every alarm is a false one.
        finders: whom to ask; `Fused` is always among them.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: other classes than the classifier's; none of the trusted images stands there, or too few of a class.
    """
    asked: tuple[type[Finder], ...] = tuple(dict.fromkeys((Fused, *finders)))
    gathered, findings = _asked(subject, settings, root, trusted, asked, progress)
    clean: dict[str, Share] = {}
    learned = gathered.learning
    if unpoisoned is not None:
        told = called(progress, "the same data unpoisoned")
        beside, quiet = _asked(unpoisoned, settings, root, trusted, asked, told)
        clean = {name: Share(int(found.flagged.sum()), len(beside.rows)) for name, found in quiet.items()}
        learned += tuple(one.of(UNPOISONED) for one in beside.learning)
    return Suspects(subject, None if trusted is None else trusted.id, gathered.rows, findings, clean, learned)


def _asked(
    subject: Subject,
    settings: TrainingSettings,
    root: DataRoot,
    trusted: TrustedSubset | None,
    finders: Sequence[type[Finder]],
    progress: Progress,
) -> tuple[Gathered, dict[str, Finding]]:
    vouched = _NOBODY if trusted is None else trusted.standing(subject.dataset)
    work = root.work / "finding" / content_id([subject.dataset.id, subject.classifier.id, vouched.tolist()])
    gathered = gather(subject.dataset, subject.classifier, vouched, settings, work=work, progress=progress)
    found = {}
    for number, finder in enumerate(finders):
        progress(number, len(finders), f"asking {finder.NAME}")
        if all(getattr(gathered.evidence, need) is not None for need in finder.NEEDS):
            found[finder.NAME] = finder().find(gathered.evidence)
    shutil.rmtree(work)
    return gathered, found
