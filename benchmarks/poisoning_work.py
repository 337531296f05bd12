"""The measurements behind docs/results/poisoning.md, seed by seed; a run that was stopped goes on from its notes."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks import poisoning_sources as sources
from benchmarks.poisoning_flags import counted, flags_of
from benchmarks.poisoning_plan import CONTROL, HALF, SEEDS, UNPOISONED, UNPOISONED_FEW, Plan, flips
from benchmarks.poisoning_sources import sources_id
from benchmarks.poisoning_strip import strip_alarms, strip_figures
from datasets.atomic import content_id, read_json, write_json
from datasets.importing import import_dataset
from datasets.progress import Progress
from datasets.store import Dataset
from detector.poisoned.fused import Fused
from pipeline.artefacts import DataRoot
from pipeline.models.files import Classifier, load_model, open_classifier
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.choice import drawn
from pipeline.poisoning.evidence import Gathered, gather
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import Recipe, poison, poison_record
from pipeline.poisoning.quick import judging_settings, quick_settings
from pipeline.poisoning.repair import repair
from pipeline.poisoning.sides import side
from pipeline.poisoning.success import Share, backdoor_success
from pipeline.training.settings import TrainingSettings
from pipeline.training.train import train_classifier

Json = dict[str, Any]
Stage = Callable[[str], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class Work:
    """Where artefacts and notes lie, and how progress is shown."""

    source: Path
    root: DataRoot
    notes: Path
    plan: Plan
    stage: Stage

    @cached_property
    def dataset(self) -> Dataset:
        """The clean data set, on one split for all seeds."""
        with self.stage("import") as progress:
            return import_dataset(
                self.source, self.root.datasets, name=self.source.name, shares=self.plan.shares, progress=progress
            )

    def seed(self, seed: int) -> "OneSeed":
        """The measurements of a seed."""
        return OneSeed(self, seed)

    def once(self, what: str, inputs: object, make: Callable[[], Json]) -> Json:
        """What was measured of these inputs before, or measured now."""
        note = self.notes / f"{what.replace(' ', '-').replace('%', 'pc')}-{content_id([what, inputs])}.json"
        if not note.exists():
            write_json(note, make())
        return cast("Json", read_json(note))

    def trained(self, dataset: Dataset, settings: TrainingSettings, name: str) -> Classifier:
        """A classifier of these settings: trained now, or found trained."""

        def make() -> Json:
            with self.stage(name) as progress:
                made = train_classifier(
                    dataset, settings, self.root.models, work=self.root.work, name=name, progress=progress
                )
            return {"id": made.id}

        told = self.once("classifier", [dataset.id, settings.to_json()], make)
        return open_classifier(self.root.find("models", told["id"]))


@dataclass(frozen=True)
class OneSeed:
    """Poisoning, training, finding and repair with one seed of all of them."""

    work: Work
    number: int

    @property
    def settings(self) -> TrainingSettings:
        """Of every training."""
        usual = quick_settings(self.work.dataset, seed=self.number)
        return TrainingSettings.from_json({**usual.to_json(), **self.work.plan.training})

    @cached_property
    def clean(self) -> Classifier:
        """The classifier of the data as they are."""
        return self.work.trained(self.work.dataset, self.settings, "clean model")

    @cached_property
    def proxy(self) -> Classifier:
        """A hardened classifier; of another seed than the one that is attacked, which the attacker does not have."""
        plan = self.work.plan
        settings = replace(self.settings, hardening=plan.proxy, epochs=plan.proxy_epochs, seed=self.number + len(SEEDS))
        return self.work.trained(self.work.dataset, settings, "hardened proxy")

    def measured(self, what: str, recipe: Recipe) -> Json:
        """Everything of one poisoning."""
        plan, settings = self.work.plan, self.settings.to_json()
        n = plan.n_few if what == flips(HALF) else plan.n_trusted
        inputs = [self.work.dataset.id, settings, recipe.to_json()]
        if isinstance(recipe, BackdoorRecipe) and recipe.perturbation is not None:
            inputs.append([plan.proxy.to_json(), plan.proxy_epochs])
        told = self.work.once(what, [*inputs, n, sources_id(sources.FINDERS)], lambda: self._measure(what, recipe))
        if isinstance(recipe, BackdoorRecipe) and what != CONTROL:
            by = [*inputs, plan.strip_n, sources_id(sources.STRIP)]
            told |= {"strip": self.work.once(f"strip {what}", by, lambda: self._stripped(what, recipe))}
        return {"data": plan.data, "what": what, "seed": self.number, **told}

    def _stripped(self, what: str, recipe: BackdoorRecipe) -> Json:
        classifier = self.work.trained(self.poisoned(recipe, what), self.settings, what)
        with self.work.stage(f"STRIP: {what}") as progress:
            n, seed = self.work.plan.strip_n, self.number
            return strip_figures(load_model(classifier), self.work.dataset, recipe, n=n, seed=seed, progress=progress)

    def _measure(self, what: str, recipe: Recipe) -> Json:
        dataset = self.poisoned(recipe, what)
        classifier = self.work.trained(dataset, self.settings, what)
        told: Json = {"recipe": recipe.to_json(), **self._harm(recipe, classifier)}
        if what == CONTROL:
            return told
        return told | self._found(dataset, classifier, recipe)

    def poisoned(self, recipe: Recipe, what: str) -> Dataset:
        """The poisoned data set."""
        proxy = self.proxy if isinstance(recipe, BackdoorRecipe) and recipe.perturbation is not None else None
        with self.work.stage(f"poison: {what}") as progress:
            return poison(self.work.dataset, recipe, self.work.root.datasets, name=what, proxy=proxy, progress=progress)

    def _harm(self, recipe: Recipe, classifier: Classifier) -> Json:
        """What the poison does, on the clean test images and, of a backdoor, on triggered ones."""
        if isinstance(recipe, BackdoorRecipe):
            after, before = (self._triggered(recipe, one) for one in (classifier, self.clean))
            return {"backdoor": after, "clean_model": before}
        before, after = (side(one, self.work.dataset) for one in (self.clean, classifier))
        assert recipe.source is not None  # noqa: S101 - One-way flips have both.
        return {
            "accuracy": after.report.accuracy,
            "recall": after.recall(recipe.source),
            "clean_accuracy": before.report.accuracy,
            "clean_recall": before.recall(recipe.source),
        }

    def _triggered(self, recipe: BackdoorRecipe, classifier: Classifier) -> Json:
        told = backdoor_success(load_model(classifier), self.work.dataset, recipe.trigger, recipe.target)
        return told.to_json()

    def trusted(self, dataset: Dataset) -> np.ndarray:
        """So many drawn by chance, without those that are seen to be poisoned when somebody vouches for them."""
        clean, plan, record = self.work.dataset, self.work.plan, poison_record(dataset)
        if record is not None and isinstance(record.recipe, FlipRecipe) and record.recipe.ratio == HALF:
            return self._few(np.setdiff1d(clean.indices("train"), record.items))
        rows = drawn(clean, clean.indices("train"), plan.n_trusted, seed=self.number, purpose="trusted")
        return rows if record is None else np.setdiff1d(rows, record.items)

    def _few(self, honest: np.ndarray) -> np.ndarray:
        """So many of each class of these items."""
        clean, n = self.work.dataset, self.work.plan.n_few
        of_class = [honest[clean.labels[honest] == label] for label in range(len(clean.classes))]
        return np.concatenate([drawn(clean, some, n, seed=self.number, purpose="trusted") for some in of_class])

    def evidence(self, dataset: Dataset, classifier: Classifier, trusted: np.ndarray) -> Gathered:
        """What finders are shown."""
        with self.work.stage("evidence") as progress:
            return gather(
                dataset,
                classifier,
                trusted,
                judging_settings(self.settings, dataset),
                work=self.work.root.work / "finding",
                progress=progress,
            )

    def unpoisoned(self, what: str = UNPOISONED) -> Json:
        """The share of the clean data that each finder flags, by as many trusted images as `what` says."""
        clean, plan = self.work.dataset, self.work.plan
        is_few = what == UNPOISONED_FEW

        def make() -> Json:
            trusted = self._few(clean.indices("train")) if is_few else self.trusted(clean)
            gathered = self.evidence(clean, self.clean, trusted)
            n = len(gathered.rows)
            return {name: Share(int(flags.sum()), n).to_json() for name, flags in flags_of(gathered, 0.0).items()}

        n = plan.n_few if is_few else plan.n_trusted
        return self.work.once(what, [clean.id, self.settings.to_json(), n, sources_id(sources.FINDERS)], make)

    def unpoisoned_strip(self) -> Json:
        """The share of clean images that STRIP holds with the classifier of the data as they are."""
        clean, n = self.work.dataset, self.work.plan.strip_n

        def make() -> Json:
            with self.work.stage("STRIP: unpoisoned") as progress:
                return strip_alarms(load_model(self.clean), clean, n=n, seed=self.number, progress=progress)

        by = [clean.id, self.settings.to_json(), n, sources_id(sources.STRIP)]
        return self.work.once("strip unpoisoned", by, make)

    def _found(self, dataset: Dataset, classifier: Classifier, recipe: Recipe) -> Json:
        gathered = self.evidence(dataset, classifier, self.trusted(dataset))
        record = poison_record(dataset)
        assert record is not None  # noqa: S101 - It was poisoned a moment ago.
        bad = np.isin(gathered.rows, record.items)
        labels = gathered.evidence.labels
        target = recipe.target if recipe.target is not None else 0
        flags = flags_of(gathered, float(bad[labels == target].mean()))
        told: Json = {"finders": {name: counted(some, bad) for name, some in flags.items()}}
        caught = flags[Fused.NAME]
        if isinstance(recipe, BackdoorRecipe):
            fixed = self._repaired(dataset, gathered.rows[caught], {})
            told["repaired"] = self._triggered(recipe, self.work.trained(fixed, self.settings, "repaired"))
            return told
        # Everything flagged gets the label that its finder believes in: no human is asked.
        believed = Fused().find(gathered.evidence).suggested
        assert believed is not None  # noqa: S101 - There is a reference.
        caught = caught & (believed != labels)
        new = {int(i): int(label) for i, label in zip(gathered.rows[caught], believed[caught], strict=True)}
        fixed = self._repaired(dataset, np.empty(0, dtype=np.int64), new)
        after = side(self.work.trained(fixed, self.settings, "repaired"), self.work.dataset)
        told["repaired"] = {"accuracy": after.report.accuracy, "recall": after.recall(self.work.plan.pair[0])}
        return told

    def _repaired(self, dataset: Dataset, drop: np.ndarray, relabel: dict[int, int]) -> Dataset:
        return repair(dataset, self.work.root.datasets, name="repaired", drop=drop.tolist(), relabel=relabel)
