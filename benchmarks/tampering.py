"""Whether every single change of an artefact is found, and how fast: `python -m benchmarks.tampering`.

A small data set and a small classifier are changed in one random place at a time (a level, a label, a split, the place
of two items, a bit of a file, a line of the history), verified, and put back. As many verifications as are asked for
are of nothing changed. Then a data set of many small items is verified against the clock. Prints JSON.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.artefacts import DataRoot
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import checked, recorded, trust
from pipeline.provenance.verification import Verification, verify

GOAL_S = 10.0
_CLASSES = tuple("0123456789")
_SPLITS = ("train", "val", "test")
_SMALL, _SIDE = 20, 8

Change = Callable[[random.Random, Path], str]
"""Changes one thing in an artefact's folder and gives what should be named of it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 where every change was found and nothing else was."""
    asked = _parser().parse_args(argv)
    told = measured(asked.n, asked.untouched, asked.items, seed=asked.seed)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    return 0 if told["n"] == told["found"] and not told["untouched"]["false_alarms"] else 1


def measured(n: int, untouched: int, items: int, *, seed: int) -> dict[str, Any]:
    """Single changes made, found and named; false alarms where nothing was changed; the time for many items.

    Args:
        n: single changes.
        untouched: verifications of what nobody changed.
        items: of the data set that is timed.
        seed: of the changes.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = DataRoot(Path(folder))
        small = generated(root, _SMALL, _SIDE)
        model = classifier(root, small)
        changed = tampered(root, small.folder, model, n, random.Random(seed))  # noqa: S311 - no secret
        whole = [verify(one, root).ok for one in (small.folder, model) for _ in range(untouched // 2)]
        return {
            "seed": seed,
            "changes": changed,
            "n": sum(row["n"] for row in changed.values()),
            "found": sum(row["found"] for row in changed.values()),
            "untouched": {"n": len(whole), "false_alarms": whole.count(False)},
            "speed": _speed(root, items),
        }


def generated(root: DataRoot, n: int, side: int) -> Dataset:
    """A data set of n random grey pictures with a history of two events."""
    rng = np.random.default_rng(n)
    items = []
    with contextlib.closing(DatasetWriter(root.datasets)) as writer:
        for i in range(n):
            levels = rng.integers(0, 256, (side, side, 1), dtype=np.uint8)
            writer.append(levels, 8)
            name, hashed = f"{i % 10}/{i}.png", pixels_sha256(levels, 8)
            items.append(Item(name, i % 10, _SPLITS[i % 3], i, hashed, hashed, levels.shape, 8))
        made = writer.finish(f"{n} random", _CLASSES, tuple(items), {"kind": "random"}, {})
    recorded(made.folder, root, EventKind.IMPORT, by="benchmark", facts={"seed": n})
    trust(made.folder, root, by="benchmark", why="generated")
    return made


def classifier(root: DataRoot, dataset: Dataset) -> Path:
    """The folder of something like a classifier: random bytes for weights, and a history of one event."""
    folder = root.models / "benchmark"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(np.random.default_rng(0).bytes(4096))
    (folder / "classifier.json").write_text(json.dumps({"id": folder.name, "parents": [dataset.id]}, indent=2))
    recorded(folder, root, EventKind.TRAINING, by="benchmark", parents=[checked(dataset.folder)])
    return folder


def tampered(root: DataRoot, dataset: Path, model: Path, n: int, rng: random.Random) -> dict[str, dict[str, int]]:
    """How many of n single changes were made of each kind, found, and named by what was changed."""
    told: dict[str, dict[str, int]] = defaultdict(lambda: {"n": 0, "found": 0, "named": 0})
    kinds = [(name, dataset, change) for name, change in OF_DATASETS.items()]
    kinds += [(name, model, change) for name, change in OF_MODELS.items()]
    pristine = {folder: {path: path.read_bytes() for path in folder.iterdir()} for folder in (dataset, model)}
    for k in range(n):
        name, folder, change = kinds[k % len(kinds)]
        expected = change(rng, folder)
        if _same(folder, pristine[folder]):
            raise RuntimeError(f"{name} changed nothing")
        found: Verification = verify(folder, root)
        told[name]["n"] += 1
        told[name]["found"] += not found.ok
        told[name]["named"] += any(expected in difference for difference in found.differences)
        _put_back(pristine[folder])
    return dict(told)


def _level(rng: random.Random, folder: Path) -> str:
    place = rng.randrange(_SMALL * _SIDE**2)
    with h5py.File(folder / "dataset.h5", "r+") as file:
        file["levels/uint8"][place] ^= 1 << rng.randrange(8)
    index = place // _SIDE**2
    return f"item {index} {index % 10}/{index}.png: pixels"


def _value_of(field: str, values: Sequence[object]) -> Change:
    def change(rng: random.Random, folder: Path) -> str:
        manifest = json.loads((folder / "manifest.json").read_text())
        index = rng.randrange(_SMALL)
        row = manifest["items"][index]
        row[field] = rng.choice([value for value in values if value != row[field]])
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return f"item {index} {row['name']}: {field} {row[field]}"

    return change


def _order(rng: random.Random, folder: Path) -> str:
    manifest = json.loads((folder / "manifest.json").read_text())
    items = manifest["items"]
    first, second = rng.sample(range(_SMALL), 2)
    items[first], items[second] = items[second], items[first]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return f"{items[first]['name']}: order {first}, was {second}"


def _bit_of(name: str) -> Change:
    def flip(rng: random.Random, folder: Path) -> str:
        (path,) = folder.glob(name)
        content = bytearray(path.read_bytes())
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
        return path.name

    return flip


def _line_dropped(rng: random.Random, folder: Path) -> str:
    path = folder / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[rng.randrange(len(lines))]
    path.write_bytes(b"".join(lines))
    return path.name


def _lines_swapped(rng: random.Random, folder: Path) -> str:
    path = folder / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    first, second = rng.sample(range(len(lines)), 2)
    lines[first], lines[second] = lines[second], lines[first]
    path.write_bytes(b"".join(lines))
    return path.name


OF_DATASETS: dict[str, Change] = {
    "level of an image": _level,
    "label": _value_of("label", range(len(_CLASSES))),
    "split": _value_of("split", _SPLITS),
    "order of two items": _order,
    "bit of dataset.h5": _bit_of("dataset.h5"),
    "bit of manifest.json": _bit_of("manifest.json"),
    "bit of the history": _bit_of("history.jsonl"),
    "bit of the kept manifest": _bit_of("history-*.manifest"),
    "line of the history dropped": _line_dropped,
    "lines of the history swapped": _lines_swapped,
}
OF_MODELS: dict[str, Change] = {
    "bit of the weights": _bit_of("weights.safetensors"),
    "bit of classifier.json": _bit_of("classifier.json"),
}


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
    parser.add_argument("--untouched", type=int, default=1_000, help="verifications of what nobody changed")
    parser.add_argument("--items", type=int, default=60_000, help="items of the data set that is timed")
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
