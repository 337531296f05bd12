"""Whether a repair helped: the default finder is asked again, and everything of before stands beside that of after."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from datasets.progress import Progress, ignore
from datasets.store import Dataset
from detector.poisoned.fused import Fused
from pipeline.artefacts import DataRoot
from pipeline.poisoning.chance import OF_REPAIR, Learning, learning_of, not_learned
from pipeline.poisoning.find import Subject, find_poison
from pipeline.poisoning.quick import judging_settings
from pipeline.poisoning.repaired import RepairReport
from pipeline.poisoning.sides import Side
from pipeline.poisoning.success import Share
from pipeline.poisoning.trusted import TrustedSubset
from pipeline.poisoning.truth import poisoned_items
from pipeline.training.settings import TrainingSettings
from pipeline.words import percent


@dataclass(frozen=True)
class Flagged:
    """What the default finder says of the training images of one data set.

    Attributes:
        flagged: of all training images.
        poisoned: of those that are poisoned; None where nobody knows.
        honest: of all others; None where nobody knows.
        learning: whether the models that it relies on are better than chance.
    """

    flagged: Share
    poisoned: Share | None = None
    honest: Share | None = None
    learning: tuple[Learning, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The shares as JSON values."""
        known = {"flagged": self.flagged, "poisoned": self.poisoned, "honest": self.honest}
        shares = {name: None if share is None else share.to_json() for name, share in known.items()}
        return {**shares, "learning": [one.to_json() for one in self.learning]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Flagged":
        """What `to_json` gave."""
        flagged, *known = (values[name] for name in ("flagged", "poisoned", "honest"))
        poisoned, honest = (None if one is None else _share(one) for one in known)
        learned = tuple(Learning.from_json(one) for one in values.get("learning", ()))
        return cls(_share(flagged), poisoned, honest, learned)


@dataclass(frozen=True)
class Reverified:
    """A repair with all that was measured of it.

    Attributes:
        suspected: the data set that was repaired.
        report: both classifiers, the trigger and the truth where the lab knows them.
        before: what the finder says of the suspected data set, by the classifier of before.
        after: the same of the repaired one, by the classifier that learned from it.
        alike: whether both classifiers were trained with the same settings.
        trusted_id: the subset that somebody vouches for, which the finder was shown both times; None without.
        finding_id: where the images were confirmed; None where they were named.
    """

    suspected: Dataset
    report: RepairReport
    before: Flagged
    after: Flagged
    alike: bool
    trusted_id: str | None = None
    finding_id: str | None = None

    @property
    def analysis(self) -> list[str]:
        """What was measured, in sentences."""
        return list(_analysis(self))

    @property
    def learning(self) -> tuple[Learning, ...]:
        """Whether both classifiers are better than chance, and the models that the finder relied on each time."""
        times = (("before", self.report.before, self.before), ("after", self.report.after, self.after))
        return tuple(
            one.of(when)
            for when, judged, asked in times
            for one in (learning_of("the classifier", judged.report.confusion), *asked.learning)
        )

    @property
    def not_learned(self) -> str | None:
        """Which of them are not, and what to do; None where all are."""
        return not_learned(self.learning, OF_REPAIR)

    def to_json(self) -> dict[str, object]:
        """Everything as JSON values."""
        items, repaired = self.suspected.items, self.report.repaired
        train = self.suspected.indices("train").tolist()
        kept = set(repaired.indices("train").tolist())
        new = {i: repaired.items[i].label for i in train if i in kept and repaired.items[i].label != items[i].label}
        return {
            "dataset_id": self.suspected.id,
            "classes": list(self.suspected.classes),
            "finding_id": self.finding_id,
            "trusted_id": self.trusted_id,
            "dropped": [{"item": i, "name": items[i].name, "label": items[i].label} for i in train if i not in kept],
            "relabelled": [{"item": i, "name": items[i].name, "from": items[i].label, "to": new[i]} for i in new],
            "counts": {"before": self.suspected.counts()["train"], "after": repaired.counts()["train"]},
            "alike": self.alike,
            "finder": Fused.NAME,
            "flagged_before": self.before.to_json(),
            "flagged_after": self.after.to_json(),
            **self.report.to_json(),
            "analysis": self.analysis,
            "learning": [one.to_json() for one in self.learning],
            "not_learned": self.not_learned,
        }


def ask_finder(
    subject: Subject,
    settings: TrainingSettings,
    root: DataRoot,
    work: DataRoot,
    *,
    trusted: TrustedSubset | None = None,
    progress: Progress = ignore,
) -> Flagged:
    """What the default finder flags, and how much of that rightly where the lab knows the truth.

    Args:
        subject: a data set and the classifier that learned from it.
        settings: of that classifier; those that the finder trains meanwhile are not hardened, and judge as in a search.
        root: where the data sets lie that the truth is read from.
        work: for work in progress; one that was killed goes on from there.
        trusted: images that are vouched for.
        progress: told as it goes; it may raise to cancel.

    Raises:
        BadPoison: the classifier is of other classes, or the trusted images say nothing of a class.
    """
    plain = judging_settings(replace(settings, hardening=None), subject.dataset)
    found = find_poison(subject, plain, work, trusted=trusted, finders=(), progress=progress)
    flags = found.findings[Fused.NAME].flagged
    flagged = Share(int(flags.sum()), len(flags))
    truth = poisoned_items(subject.dataset, root)
    if truth is None:
        return Flagged(flagged, learning=found.learning)
    hits, alarms = found.rates(truth)[Fused.NAME]
    return Flagged(flagged, hits, alarms, found.learning)


def _share(told: Mapping[str, Any]) -> Share:
    return Share(told["n_hit"], told["n"])


def _analysis(of: Reverified) -> Iterator[str]:
    report, n_train = of.report, len(of.suspected.indices("train"))
    before, after = report.before.report, report.after.report
    yield (
        f"Of {n_train} training images {report.n_dropped} were dropped and {report.n_relabelled} relabelled. On"
        f" {after.n} test images, which no repair changes, {_accuracy(report.before)} are right before and"
        f" {_accuracy(report.after)} after."
    )
    if before.interval[0] <= after.interval[1] and after.interval[0] <= before.interval[1]:
        yield "The two intervals overlap: by accuracy alone these test images do not tell the classifiers apart."
    if report.trigger is not None:
        was, is_now = (one.success for one in report.trigger)
        yield (
            f"With the trigger laid on {was.n} test images of other classes than the target, {was} are called the"
            f" target before and {is_now} after."
        )
    yield (
        f"The {Fused.NAME} finder flags {of.before.flagged.n_hit} of {of.before.flagged.n} training images before and"
        f" {of.after.flagged.n_hit} of {of.after.flagged.n} after. A flag is a suspicion and no proof."
    )
    if report.truth is not None:
        yield report.truth.words
    else:
        yield "Nobody knows the truth of these data: what no finder flags and nobody confirmed is still in them."
    if not of.alike:
        yield "The two classifiers were not trained with the same settings, so that not all that differs is the repair."


def _accuracy(side: Side) -> str:
    low, high = side.report.interval
    return f"{percent(side.report.accuracy)} ({percent(low)} to {percent(high)})"
