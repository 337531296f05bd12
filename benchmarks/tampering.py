"""Whether every single change of an artefact is found, and how fast: `python -m benchmarks.tampering`.

A small data set and a small classifier are changed in one random place at a time (a level, a label, a split, the place
of two items, a bit of a file, a line of the history, or something of it and then the history is deleted), and put back.
After each change two are asked: the verification, and what stands before a training or an evaluation, which has to
refuse. Both are asked as well after what may happen to an artefact without anything being wrong. Then a data set of
many small items is verified against the clock. Prints JSON.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tampering_changes import OF_DATASETS, OF_MODELS, ONLY_VERIFIED
from benchmarks.tampering_data import SIDE, SMALL, classifier, generated
from benchmarks.tampering_events import EVENTS, OLD, prepared
from datasets.errors import DatasetError
from pipeline.artefacts import DataRoot
from pipeline.errors import PipelineError
from pipeline.models.files import open_classifier
from pipeline.provenance.opening import checked_dataset
from pipeline.provenance.verification import verify

GOAL_S = 10.0
_OPENED: dict[str, Callable[[Path], object]] = {"datasets": checked_dataset, "models": open_classifier}
"""What stands before a training or an evaluation, by the kind of artefact."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 where every change was found and nothing else was."""
    asked = _parser().parse_args(argv)
    told = measured(asked.n, asked.untouched, asked.items, seed=asked.seed)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0 if told["n"] == told["found"] and not told["untouched"]["false_alarms"] else 1


def measured(n: int, untouched: int, items: int, *, seed: int) -> dict[str, Any]:
    """Single changes made, found and named; false alarms where nothing was wrong; the time for many items.

    Found is a change that the verification finds and that is refused before a use; of `only_verified`, which change
    nothing that is used, one that the verification finds.

    Args:
        n: single changes.
        untouched: artefacts that are asked about after something that anybody may do.
        items: of the data set that is timed.
        seed: of the changes and of what else happens.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = DataRoot(Path(folder) / "changed")
        small = generated(root, SMALL, SIDE)
        changed = tampered(root, small.folder, classifier(root, small).folder, n, _random(seed))
        return {
            "seed": seed,
            "changes": changed,
            **{key: sum(row[key] for row in changed.values()) for key in ("n", "found", "verified", "refused")},
            "only_verified": sorted(ONLY_VERIFIED),
            "untouched": quiet(DataRoot(Path(folder) / "whole"), untouched, _random(seed)),
            "speed": _speed(root, items),
        }


def tampered(root: DataRoot, dataset: Path, model: Path, n: int, rng: random.Random) -> dict[str, dict[str, int]]:
    """How many of n single changes of each kind were found, by whom, and named by what was changed."""
    told: dict[str, dict[str, int]] = defaultdict(
        lambda: dict.fromkeys(("n", "found", "verified", "refused", "named"), 0)
    )
    kinds = [(name, dataset, change) for name, change in OF_DATASETS.items()]
    kinds += [(name, model, change) for name, change in OF_MODELS.items()]
    pristine = {folder: {path: path.read_bytes() for path in folder.iterdir()} for folder in (dataset, model)}
    for k in range(n):
        name, folder, change = kinds[k % len(kinds)]
        expected = change(rng, folder)
        if _same(folder, pristine[folder]):
            raise RuntimeError(f"{name} changed nothing")
        differences, refused = verify(folder, root).differences, _refused(folder)
        row = told[name]
        row["n"] += 1
        row["verified"] += bool(differences)
        row["refused"] += refused
        row["found"] += bool(differences) and (refused or name in ONLY_VERIFIED)
        row["named"] += any(expected in difference for difference in differences)
        for files in pristine.values():
            _put_back(files)
    return dict(told)


def quiet(root: DataRoot, n: int, rng: random.Random) -> dict[str, Any]:
    """Of n artefacts, each asked about after something that anybody may do, those that were told as changed."""
    told = {name: {"n": 0, "false_alarms": 0} for name in EVENTS}
    dataset = prepared(root)
    for k in range(n):
        name = [*EVENTS][k % len(EVENTS)]
        folder = EVENTS[name](rng, root, dataset)
        told[name]["n"] += 1
        told[name]["false_alarms"] += _refused(folder) or (name != OLD and not verify(folder, root).ok)
    return {"n": n, "false_alarms": sum(row["false_alarms"] for row in told.values()), "events": told}


def _refused(folder: Path) -> bool:
    """Whether the artefact is refused where something is about to be made of it."""
    try:
        _OPENED[folder.parent.name](folder)
    except (PipelineError, DatasetError):
        return True
    return False


def _random(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - no secret


def _same(folder: Path, files: dict[Path, bytes]) -> bool:
    return {path: path.read_bytes() for path in folder.iterdir()} == files


def _put_back(files: dict[Path, bytes]) -> None:
    for path, content in files.items():
        path.write_bytes(content)


def _speed(root: DataRoot, n: int) -> dict[str, object]:
    """Verification of many small items, once."""
    many = generated(root, n, 28)
    began, worked = time.perf_counter(), time.process_time()
    found = verify(many.folder, root)
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    told = {"items": n, "ok": found.ok, "seconds": round(seconds, 2), "processor_seconds": round(processor, 2)}
    return {**told, "items_a_second": round(n / seconds), "goal_seconds": GOAL_S, "met": seconds <= GOAL_S}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tampering", description=__doc__)
    parser.add_argument("--n", type=int, default=1_000, help="single changes (default: %(default)s)")
    parser.add_argument("--untouched", type=int, default=1_000, help="artefacts that nobody tampered with")
    parser.add_argument("--items", type=int, default=60_000, help="items of the data set that is timed")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
