"""Two classifiers side by side: one of the data as they are, one of the same data poisoned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.evaluation import ClassifierReport, evaluate_classifier
from pipeline.models.files import Classifier
from pipeline.provenance.event import UNNAMED
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier


@dataclass(frozen=True)
class Side:
    """One of the two, judged on the CLEAN labels of the test split.

    Attributes:
        classifier: as it was trained.
        report: accuracy, scores of each class, and the confusion.
        history: one row an epoch: its losses and accuracies.
    """

    classifier: Classifier
    report: ClassifierReport
    history: Sequence[Mapping[str, Any]]

    @property
    def predicted(self) -> list[int]:
        """How many test images are called each class."""
        return [sum(row[k] for row in self.report.confusion) for k in range(len(self.report.confusion))]

    def recall(self, label: int) -> float | None:
        """The recall of a class; None where no test image is of it."""
        return self.report.per_class[label].recall

    def to_json(self) -> dict[str, object]:
        """The side as JSON values."""
        return {
            "classifier_id": self.classifier.id,
            "report": self.report.to_json(),
            "predicted": self.predicted,
            "history": [dict(row) for row in self.history],
        }


def trained_side(
    trained_on: Dataset,
    judged_on: Dataset,
    settings: TrainingSettings,
    root: Path,
    *,
    work: Path,
    name: str,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> Side:
    """Train on one data set and judge on the test split of another, the clean one.

    Raises:
        BadTraining, BadClassifier: as `train_classifier` and `evaluate_classifier` do.
    """
    classifier = train_classifier(trained_on, settings, root, work=work, name=name, by=by, progress=progress)
    return side(classifier, judged_on, progress=progress)


def side(classifier: Classifier, judged_on: Dataset, *, progress: Progress = ignore) -> Side:
    """A classifier that is there already, judged on the test split of the clean data set."""
    report = evaluate_classifier(classifier, judged_on, progress=progress)
    return Side(classifier, report, cast("Sequence[Mapping[str, Any]]", classifier.notes.get("history", ())))
