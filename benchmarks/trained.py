"""The classifier of `make results-main` under the benchmark's attacks, where there is one: not all nets are alike."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.subject import Subject
from datasets.store import open_dataset
from pipeline.models.files import load_model, open_classifier
from pipeline.models.resize import fit_levels


def trained_subject(root: Path, n: int, *, device: str = "cpu") -> Subject:
    """The classifier of a data root and n of the test scans that it has right, in its own size, on the 8-bit lattice.

    Raises:
        SystemExit: the root has no classifier, or it has fewer scans right.
    """
    models, datasets = (sorted((root / kind).glob("[!.]*")) for kind in ("models", "datasets"))
    if not models or not datasets:
        raise SystemExit(f"no classifier in {root}; make results-main makes it, or leave out the model 'trained'")
    classifier = open_classifier(models[-1])
    model, dataset = load_model(classifier).eval(), open_dataset(datasets[-1])
    test = dataset.indices("test")
    n_tried = min(2 * n, len(test))
    chosen = [int(test[k * len(test) // n_tried]) for k in range(n_tried)]
    shown = [fit_levels(dataset.levels(i), dataset.items[i].bits, classifier.spec) for i in chosen]
    x = torch.from_numpy((np.stack(shown) * 255).round() / 255)
    y = torch.tensor([dataset.items[i].label for i in chosen])
    with torch.no_grad():
        right = (model(x).argmax(1) == y).nonzero().squeeze(1)[:n]
    if len(right) < n:
        raise SystemExit(f"the classifier of {root} has {len(right)} of {n_tried} scans right; ask for a smaller batch")
    return Subject(model.to(device), x[right].contiguous().to(device), y[right].to(device))
