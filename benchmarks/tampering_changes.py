"""Single changes behind everybody's back, of a small data set and a small classifier, each in a random place."""

import hashlib
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py

from benchmarks.tampering_data import CLASSES, SIDE, SMALL, SPLITS
from pipeline.provenance.chain import HISTORY, HISTORY_FILES

Change = Callable[[random.Random, Path], str]
"""Changes one thing in an artefact's folder and gives what should be named of it."""


def _level(rng: random.Random, folder: Path) -> str:
    place = rng.randrange(SMALL * SIDE**2)
    with h5py.File(folder / "dataset.h5", "r+") as file:
        file["levels/uint8"][place] ^= 1 << rng.randrange(8)
    index = place // SIDE**2
    return f"item {index} {index % 10}/{index}.png: pixels"


def _value_of(field: str, values: Sequence[object]) -> Change:
    def change(rng: random.Random, folder: Path) -> str:
        manifest = json.loads((folder / "manifest.json").read_text())
        index = rng.randrange(SMALL)
        row = manifest["items"][index]
        row[field] = rng.choice([value for value in values if value != row[field]])
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return f"item {index} {row['name']}: {field} {row[field]}"

    return change


def _order(rng: random.Random, folder: Path) -> str:
    manifest = json.loads((folder / "manifest.json").read_text())
    items = manifest["items"]
    first, second = rng.sample(range(SMALL), 2)
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


def _history_gone(change: Change, *, everywhere: bool) -> Change:
    """The change, and then the history is deleted: its file alone, or all of every artefact under the data root.

    A manifest that names the hash of a file that was changed is made to fit.
    """

    def both(rng: random.Random, folder: Path) -> str:
        before = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
        change(rng, folder)
        told = next(path for path in folder.iterdir() if path.name in ("manifest.json", "classifier.json"))
        for path, digest in before.items():
            now = hashlib.sha256(path.read_bytes()).hexdigest()
            told.write_text(told.read_text().replace(digest, now))
        for gone in folder.parent.parent.glob(f"*/*/{HISTORY_FILES}") if everywhere else [folder / HISTORY]:
            gone.unlink()
        return "history.jsonl was removed" if not everywhere else "no history is there"

    return both


OF_DATASETS: dict[str, Change] = {
    "level of an image": _level,
    "label": _value_of("label", range(len(CLASSES))),
    "split": _value_of("split", SPLITS),
    "order of two items": _order,
    "bit of dataset.h5": _bit_of("dataset.h5"),
    "bit of manifest.json": _bit_of("manifest.json"),
    "bit of the history": _bit_of("history.jsonl"),
    "bit of the kept manifest": _bit_of("history-*.manifest"),
    "line of the history dropped": _line_dropped,
    "lines of the history swapped": _lines_swapped,
    "label, history.jsonl deleted": _history_gone(_value_of("label", range(len(CLASSES))), everywhere=False),
    "label, all histories deleted": _history_gone(_value_of("label", range(len(CLASSES))), everywhere=True),
    "split, all histories deleted": _history_gone(_value_of("split", SPLITS), everywhere=True),
    "level, all histories deleted": _history_gone(_level, everywhere=True),
}
OF_MODELS: dict[str, Change] = {
    "bit of the weights": _bit_of("weights.safetensors"),
    "bit of classifier.json": _bit_of("classifier.json"),
    "bit of the weights, all histories deleted": _history_gone(_bit_of("weights.safetensors"), everywhere=True),
}
ONLY_VERIFIED = frozenset({"bit of the kept manifest"})
"""Kinds that change nothing that is worked with, only what a change would be named by: no use is refused for them."""
