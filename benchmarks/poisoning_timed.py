"""How long somebody waits for one side-by-side run of the lab, and for a word of it."""

import os
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from datasets.importing import import_dataset
from datasets.splits import Shares
from pipeline.artefacts import DataRoot
from pipeline.poisoning.flip_lab import run_flip_lab
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.quick import quick_settings


def timed_run(source: Path, recipe: FlipRecipe, shares: Shares) -> dict[str, Any]:
    """Seconds of a run from the imported data set to its report, on all cores, nothing kept of earlier ones.

    Args:
        source: pictures to import; the import is not timed.
        recipe: which labels are flipped.
        shares: of the pictures.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    try:
        with TemporaryDirectory() as folder:
            root = DataRoot(Path(folder))
            dataset = import_dataset(source, root.datasets, name=source.name, shares=shares)
            told = [time.perf_counter()]

            def word(done: int, total: int, what: str) -> None:
                told.append(time.perf_counter())

            report = run_flip_lab(dataset, recipe, quick_settings(dataset, seed=recipe.seed), root, progress=word)
            told.append(time.perf_counter())
    finally:
        torch.set_num_threads(before)
    return {
        "images": len(dataset),
        "threads": os.cpu_count(),
        "seconds": told[-1] - told[0],
        "longest_silence_s": max(later - one for one, later in pairwise(told)),
        "recall_poisoned": report.other.recall(report.pairs[0][0]),
    }
