"""What a repair gained: the classifier of before beside one that was trained on the repaired data."""

from dataclasses import dataclass

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, load_model
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.learned import check_learned
from pipeline.poisoning.poison import known_poison
from pipeline.poisoning.sides import Side, side, trained_side
from pipeline.poisoning.success import BackdoorSuccess, backdoor_success
from pipeline.poisoning.truth import Truth, truth_of
from pipeline.provenance.event import UNNAMED
from pipeline.training.settings import TrainingSettings


@dataclass(frozen=True)
class RepairReport:
    """Both classifiers before the test images; `trigger` only where the lab knows the backdoor that it planted.

    Attributes:
        repaired: the data set without what was dropped.
        n_dropped: images.
        n_relabelled: images.
        before: the classifier of the poisoned data.
        after: the one of the repaired data.
        trigger: what the trigger does, before and after.
        truth: what became of the images that the lab had poisoned; None where it did not poison them.
    """

    repaired: Dataset
    n_dropped: int
    n_relabelled: int
    before: Side
    after: Side
    trigger: tuple[BackdoorSuccess, BackdoorSuccess] | None
    truth: Truth | None = None

    def to_json(self) -> dict[str, object]:
        """Everything as JSON values."""
        told: dict[str, object] = {
            "repaired_id": self.repaired.id,
            "n_dropped": self.n_dropped,
            "n_relabelled": self.n_relabelled,
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }
        if self.trigger is not None:
            told["trigger_before"], told["trigger_after"] = (one.to_json() for one in self.trigger)
        if self.truth is not None:
            told["truth"] = self.truth.to_json()
        return told


def compare_repair(
    poisoned: Dataset,
    repaired: Dataset,
    before: Classifier,
    settings: TrainingSettings,
    root: DataRoot,
    *,
    by: str = UNNAMED,
    progress: Progress = ignore,
) -> RepairReport:
    """Train on the repaired data, and judge both classifiers on the test split, which no lab poisons.

    Raises:
        BadPoison: the classifier of before is of other classes, or learned from other data.
        BadTraining: a class is left without a training image.
    """
    check_learned(before.folder, poisoned, imported=True)
    work = root.work / "poisoning"
    after = trained_side(
        repaired, repaired, settings, root.models, work=work, name="repaired", by=by, progress=progress
    )
    return repair_report(poisoned, repaired, before, after, root, progress=progress)


def repair_report(
    poisoned: Dataset,
    repaired: Dataset,
    before: Classifier,
    after: Side,
    root: DataRoot,
    *,
    progress: Progress = ignore,
) -> RepairReport:
    """What a repair gained whose second classifier is there.

    Raises:
        BadClassifier: the classifier is of other classes, or there is no test image.
        UnknownArtefact: the lab poisoned the data, and the clean data set is gone.
    """
    record, trigger = known_poison(poisoned, root), None
    if record is not None and isinstance(record.recipe, BackdoorRecipe):
        recipe = record.recipe
        tried = [
            backdoor_success(load_model(one), repaired, recipe.trigger, recipe.target)
            for one in (before, after.classifier)
        ]
        trigger = (tried[0], tried[1])
    return RepairReport(
        repaired=repaired,
        n_dropped=len(poisoned.indices("train")) - len(repaired.indices("train")),
        n_relabelled=int((poisoned.labels != repaired.labels).sum()),
        before=side(before, repaired, progress=progress),
        after=after,
        trigger=trigger,
        truth=truth_of(poisoned, repaired, root),
    )
