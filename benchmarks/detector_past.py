"""Test scans with another past: what an archive leaves in its scans is gone before they are attacked."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.detector_work import Work
from datasets.image import encode_png
from datasets.importing import import_dataset
from datasets.splits import Shares
from datasets.store import Dataset, open_dataset
from pipeline.detection.controls import REPORTED_CONTROLS
from pipeline.detection.evidence import clean_scans

PASTS: Mapping[str, str] = {"resized before": "resize 0.95", "gamma before": "gamma 1.1"}
"""What happened before the attack, by the control that does it: resampling, and another window of the scanner."""

# The scans are all to be judged; a data set must keep some to train on.
_SHARES = Shares(train=0.03, val=0, detector=0, calibration=0, test=0.97)


def with_past(work: Work, dataset: Dataset, control: str) -> Dataset:
    """The test scans of a data set after a harmless change, as a data set of their own; made once."""

    def make() -> dict[str, str]:
        change, rng = REPORTED_CONTROLS[control], np.random.default_rng(0)
        items = dataset.indices("test")
        with tempfile.TemporaryDirectory() as folder, work.stage(f"scans after {control}") as progress:
            for done, (item, (levels, bits)) in enumerate(zip(items, clean_scans(dataset, items), strict=True)):
                progress(done, len(items), control)
                label = Path(folder) / dataset.classes[dataset.items[int(item)].label]
                label.mkdir(exist_ok=True)
                (label / f"{item}.png").write_bytes(encode_png(change(levels, bits, rng), bits))
            made = import_dataset(Path(folder), work.root.datasets, name=f"after {control}", shares=_SHARES)
        return {"id": made.id}

    return open_dataset(work.once("past", [dataset.id, control], "datasets", make))
