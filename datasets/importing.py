"""Import of images as they come into a data set as we keep it."""

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np

from datasets.duplicates import fingerprint
from datasets.errors import BadDataset
from datasets.findings import LEFT_OUT, report
from datasets.progress import Progress, ignore
from datasets.settling import Candidate, settle
from datasets.sources import Source, open_source
from datasets.splits import Shares
from datasets.store import Dataset, DatasetWriter, Item, counts_of
from datasets.telling import telling

_REPORT_EVERY_S = 0.2
_DECODING = "decoding"
# A source of one kind of mistake needs no more to show it.
_FINDINGS_SHOWN = 3


def import_dataset(
    source: Path, root: Path, *, name: str, seed: int = 0, shares: Shares | None = None, progress: Progress = ignore
) -> Dataset:
    """Decode every image once, find copies, divide, and write `root/<id>/` whole or not at all.

    The same images with the same seed and shares give the same id and the same levels; a folder of that id is
    replaced.

    Args:
        source: a zip or a folder of class folders, an .npz or .h5 file, or MNIST IDX files.
        root: where data sets are kept.
        name: what people call it; no part of the id.
        seed: of the division into splits.
        shares: how much each split gets.
        progress: told after every few images; what it raises ends the import and leaves nothing behind.

    Raises:
        BadArchive: the zip cannot be opened safely.
        BadArrays: the arrays are no images with labels.
        BadDataset: nothing usable, one class, or too few pictures to divide.
    """
    weights = shares or Shares()
    with (
        telling(source.name),
        closing(DatasetWriter(root)) as writer,
        open_source(source, workdir=writer.folder) as opened,
    ):
        candidates = _take_in(opened, writer, progress)
        classes = _classes(candidates, opened)
        number = {label: i for i, label in enumerate(classes)}
        labels = np.array([number[one.place.label] for one in candidates], dtype=np.int64)
        settled = settle(candidates, labels, shares=weights, seed=seed, progress=progress)
        items = tuple(
            _item(one, int(label), split, int(group))
            for one, label, split, group in zip(candidates, labels, settled.splits, settled.groups, strict=True)
        )
        progress(opened.n_files, opened.n_files, "writing the manifest")
        said = report(
            n_files=opened.n_files,
            n_items=len(items),
            counts=counts_of(items, len(classes)),
            overlap=settled.overlap,
            findings=[*opened.findings, *settled.findings],
        )
        made_from = {"kind": opened.kind, "name": source.name, "seed": seed, "shares": asdict(weights)}
        return writer.finish(name, classes, items, made_from, said)


def _take_in(opened: Source, writer: DatasetWriter, progress: Progress) -> list[Candidate]:
    """Decode everything into the writer; equal pixels are stored once."""
    candidates: list[Candidate] = []
    stored: dict[str, int] = {}
    told_at = 0.0
    progress(0, opened.n_files, _DECODING)
    for index, decoded in enumerate(opened.images()):
        image = decoded.image
        prints = fingerprint(image)
        if prints.pixels_sha256 in stored:
            writer.repeat(stored[prints.pixels_sha256])
        else:
            stored[prints.pixels_sha256] = writer.append(image.levels, image.bits)
        height, width, channels = image.levels.shape
        candidates.append(Candidate(decoded.place, decoded.sha256, prints, (height, width, channels), image.bits))
        if time.monotonic() - told_at > _REPORT_EVERY_S:
            progress(index + 1 + _n_left_out(opened), opened.n_files, _DECODING)
            told_at = time.monotonic()
    return candidates


def _classes(candidates: list[Candidate], opened: Source) -> tuple[str, ...]:
    """The names of the classes, sorted; numbers by their value.

    Raises:
        BadDataset: fewer than two images or classes.
    """
    names = sorted({one.place.label for one in candidates})
    if len(candidates) < 2 or len(names) < 2:
        why = "".join(f"; {finding.name}: {finding.detail}" for finding in opened.findings[:_FINDINGS_SHOWN])
        raise BadDataset(
            f"{_count(len(candidates), 'usable image')} of {_count(len(names), 'class', 'classes')} in "
            f"{_count(opened.n_files, 'file')}, expected at least 2 classes, each a folder of images{why}."
        )
    return tuple(sorted(names, key=int) if all(name.isdecimal() for name in names) else names)


def _item(one: Candidate, label: int, split: str, group: int) -> Item:
    return Item(
        name=one.place.name,
        label=label,
        split=split,
        group=group,
        sha256=one.sha256,
        pixels_sha256=one.fingerprint.pixels_sha256,
        shape=one.shape,
        bits=one.bits,
    )


def _n_left_out(opened: Source) -> int:
    return sum(finding.kind in LEFT_OUT for finding in opened.findings)


def _count(n: int, one: str, several: str = "") -> str:
    return f"{n} {one if n == 1 else several or one + 's'}"
