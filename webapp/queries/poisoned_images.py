"""The images of a run of the poisoning lab: test images with what each model says, and the poisoned training images."""

import numpy as np

from datasets.errors import UnknownItem
from datasets.store import Dataset
from pipeline.pictures import difference_png, shown_png
from pipeline.poisoning.backdoor import BackdoorRecipe, tested_trigger
from pipeline.poisoning.examples import (
    Tested,
    Trained,
    example_tested,
    examples_trained,
    mixed,
    poisoned_items,
    row_of_item,
)
from webapp.queries.artefacts import artefact
from webapp.queries.contents import open_stored_dataset
from webapp.queries.paging import Page
from webapp.queries.poisoning import Run, recipes_asked
from webapp.records.artefacts import ArtefactKind

ALL, CHANGED, POISONED = "all", "changed", "poisoned"
SIDES = ("clean", "stamped", "tested", "poisoned", "difference")
_PER_PAGE = 8


def page_of_tests(run: Run, *, seed: int, which: str, number: int, size: int = _PER_PAGE) -> Page[Tested]:
    """One page of the test images in the order that a seed draws; of those that changed, or of all."""
    answers = run.answers["clean"]
    rows = mixed(np.flatnonzero(_changed(run)) if which == CHANGED else np.arange(len(answers.items)), seed)
    dataset = clean_set(run)
    chosen = rows[(number - 1) * size : number * size]
    return Page([_tested(run, dataset, int(row)) for row in chosen], number, len(rows), size)


def tested_item(run: Run, index: int) -> Tested:
    """One test image, by its number in the data set.

    Raises:
        UnknownItem: it is none of the test images.
    """
    return _tested(run, clean_set(run), row_of_item(run.answers["clean"], index))


def trained_page(run: Run, *, which: str, number: int, size: int = _PER_PAGE) -> Page[Trained]:
    """One page of the training images in a fixed mixture; of the poisoned ones, or of all."""
    clean, poisoned = clean_set(run), poisoned_set(run)
    rows = mixed(clean.indices("train"), 0) if which == ALL else poisoned_items(poisoned)
    return Page(examples_trained(clean, poisoned, rows[(number - 1) * size : number * size]), number, len(rows), size)


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
    return example_tested(dataset, run.answers["clean"], row, triggered=run.answers.get("triggered"))
