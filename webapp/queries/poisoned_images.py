"""The images of a run of the poisoning lab: test images with what each model says, and the poisoned training images."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datasets.errors import UnknownItem
from datasets.store import Dataset
from pipeline.pictures import amplification, difference_png, shown_png
from pipeline.poisoning.answers import Answers
from pipeline.poisoning.backdoor import BackdoorRecipe, tested_trigger
from pipeline.poisoning.poison import FLIPS, poison_record
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import Page
from webapp.queries.poisoning import Run, recipes_asked
from webapp.records.artefacts import ArtefactKind

ALL, CHANGED, POISONED = "all", "changed", "poisoned"
SIDES = ("clean", "stamped", "tested", "poisoned", "difference")
_PER_PAGE = 8


@dataclass(frozen=True)
class Said:
    """What one model says of one image, with its probability; `right` where that is the true class."""

    model: str
    class_name: str
    probability: float
    right: bool


@dataclass(frozen=True)
class Tested:
    """A test image; `triggered` is empty where nothing is stamped."""

    index: int
    true: str
    said: tuple[Said, ...]
    triggered: tuple[Said, ...]


@dataclass(frozen=True)
class Trained:
    """A training image as it was given to the poisoned model; `times` amplifies the difference of its pictures."""

    index: int
    poisoned: bool
    before: str
    after: str
    times: int


def page_of_tests(run: Run, *, seed: int, which: str, number: int, size: int = _PER_PAGE) -> Page[Tested]:
    """One page of the test images in the order that a seed draws; of those that changed, or of all."""
    answers = run.answers["clean"]
    rows = np.flatnonzero(_changed(run)) if which == CHANGED else np.arange(len(answers.items))
    mixed = np.random.default_rng(seed).permutation(rows)
    dataset = clean_set(run)
    chosen = mixed[(number - 1) * size : number * size]
    return Page([_tested(run, dataset, int(row)) for row in chosen], number, len(rows), size)


def tested_item(run: Run, index: int) -> Tested:
    """One test image, by its number in the data set.

    Raises:
        UnknownItem: it is none of the test images.
    """
    items = run.answers["clean"].items
    (rows,) = np.nonzero(items == index)
    if not len(rows):
        raise UnknownItem(
            f"Item {index} is no test image; there are {len(items)}, from {items.min()} to {items.max()}."
        )
    return _tested(run, clean_set(run), int(rows[0]))


def trained_page(run: Run, *, which: str, number: int, size: int = _PER_PAGE) -> Page[Trained]:
    """One page of the training images in a fixed mixture; of the poisoned ones, or of all."""
    clean, poisoned = clean_set(run), poisoned_set(run)
    record = poison_record(poisoned)
    marked = set() if record is None else set(record.items.tolist())
    rows = clean.indices("train") if which == ALL else np.array(sorted(marked), dtype=np.int64)
    mixed = np.random.default_rng(0).permutation(rows)
    chosen = [int(index) for index in mixed[(number - 1) * size : number * size]]
    shown = [_trained(run, clean, poisoned, index, marked=index in marked) for index in chosen]
    return Page(shown, number, len(rows), size)


def run_picture(run: Run, index: int, side: str) -> bytes:
    """One image as a PNG: as it was, with the trigger on, as it was learned, or what was changed.

    Raises:
        UnknownItem: there is no such image, or flips have no trigger.
    """
    clean = clean_set(run)
    levels, bits = clean.levels(index), clean.items[index].bits
    if side == "clean":
        return shown_png(levels, bits)
    if side in ("poisoned", "difference"):
        learned = poisoned_set(run).levels(index)
        return shown_png(learned, bits) if side == "poisoned" else difference_png(levels, learned)
    # By what the run asked for: the record of the data set may name another recipe that changes the same images alike.
    recipe = next(iter(recipes_asked(run).values()))
    if not isinstance(recipe, BackdoorRecipe):
        raise UnknownItem(f"{clean.name}: flipped labels change no picture; ask for the clean one.")
    trigger = recipe.trigger if side == "stamped" else tested_trigger(recipe, run.report["strength"])
    return shown_png(trigger.stamped(levels, bits), bits)


def clean_set(run: Run) -> Dataset:
    """The data set as it was."""
    return open_stored_dataset(artefact(ArtefactKind.DATASET, run.report["dataset_id"]))


def poisoned_set(run: Run) -> Dataset:
    """The poisoned data set that the run is about; not its control."""
    return open_stored_dataset(artefact(ArtefactKind.DATASET, next(iter(run.page.sets.values()))))


def _changed(run: Run) -> np.ndarray:
    """The test images that the poisoned model calls otherwise than the original, with any trigger on."""
    answers = run.answers.get("triggered", run.answers["clean"])
    before, after = list(answers.classes.values())[:2]
    return np.asarray(before != after)


def _tested(run: Run, dataset: Dataset, row: int) -> Tested:
    answers, triggered = run.answers["clean"], run.answers.get("triggered")
    index = int(answers.items[row])
    label = dataset.items[index].label
    with_trigger = () if triggered is None else tuple(_said(triggered, dataset, row, label))
    return Tested(index, dataset.classes[label], tuple(_said(answers, dataset, row, label)), with_trigger)


def _said(answers: Answers, dataset: Dataset, row: int, label: int) -> Iterator[Said]:
    for model, classes in answers.classes.items():
        told = int(classes[row])
        yield Said(model, dataset.classes[told], float(answers.probabilities[model][row]), told == label)


def _trained(run: Run, clean: Dataset, poisoned: Dataset, index: int, *, marked: bool) -> Trained:
    names = clean.classes
    before, after = names[clean.items[index].label], names[poisoned.items[index].label]
    flips = run.report["lab"] == FLIPS
    times = 1 if flips else amplification(clean.levels(index), poisoned.levels(index))
    return Trained(index, marked, before, after, times)
