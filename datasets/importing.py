"""Import of images as they come into a data set as we keep it."""

import time
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import numpy as np

from datasets.duplicates import fingerprint
from datasets.errors import BadDataset
from datasets.findings import LEFT_OUT, Kind, report
from datasets.progress import Progress, ignore
from datasets.settling import Candidate, Settled, settle
from datasets.sources import Source, open_source
from datasets.splits import Shares
from datasets.store import Dataset, DatasetWriter, Item, counts_of
from datasets.telling import telling
from datasets.unlabelled import UNLABELLED, WAY_OUT

_REPORT_EVERY_S = 0.2
_DECODING = "decoding"
# A source of one kind of mistake needs no more to show it.
_FINDINGS_SHOWN = 3


def import_dataset(
    source: Path,
    root: Path,
    *,
    name: str,
    seed: int = 0,
    shares: Shares | None = None,
    unlabelled: bool = False,
    progress: Progress = ignore,
) -> Dataset:
    """Decode every image once, find copies, divide, and write `root/<id>/` whole or not at all.

    The same images with the same seed and shares give the same id and the same levels; a folder of that id is
    replaced. Unlabelled ones are not divided: all serve calibration, in one class.

    Args:
        source: a zip or a folder of class folders, an .npz or .h5 file, or MNIST IDX files; unlabelled, of any layout.
        root: where data sets are kept.
        name: what people call it; no part of the id.
        seed: of the division into splits.
        shares: how much each split gets.
        unlabelled: the images are clean scans for calibration alone; no folder or label is a class.
        progress: told after every few images; what it raises ends the import and leaves nothing behind.

    Raises:
        BadArchive: the zip cannot be opened safely.
        BadArrays: the arrays are no images with labels.
        BadDataset: nothing usable, one class, too few pictures to divide, or shares of what is not divided.
    """
    if unlabelled and shares is not None:
        raise BadDataset("shares for unlabelled scans, which are not divided: all serve calibration; leave them out.")
    weights = None if unlabelled else shares or Shares()
    with (
        telling(source.name),
        closing(DatasetWriter(root)) as writer,
        open_source(source, workdir=writer.folder, unlabelled=unlabelled) as opened,
    ):
        candidates = _take_in(opened, writer, progress)
        classes = _unlabelled(candidates, opened) if unlabelled else _classes(candidates, opened)
        labels = np.array([classes.index(one.place.label) for one in candidates], dtype=np.int64)
        settled = settle(candidates, labels, shares=weights, seed=seed, progress=progress)
        items = tuple(map(_item, candidates, labels.tolist(), settled.splits, settled.groups.tolist()))
        progress(opened.n_files, opened.n_files, "writing the manifest")
        said = _report(opened, settled, counts_of(items, len(classes)))
        return writer.finish(name, classes, items, _made_from(opened, source, weights, seed), said)


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
        unplaced = any(finding.kind is Kind.NO_CLASS for finding in opened.findings)
        raise BadDataset(
            f"{_count(len(candidates), 'usable image')} of {_count(len(names), 'class', 'classes')} in "
            f"{_count(opened.n_files, 'file')}, expected at least 2 classes, each a folder of images{_why(opened)}"
            f"{f'; {WAY_OUT}' if candidates or unplaced else ''}."
        )
    return tuple(sorted(names, key=int) if all(name.isdecimal() for name in names) else names)


def _unlabelled(candidates: list[Candidate], opened: Source) -> tuple[str, ...]:
    if not candidates:
        raise BadDataset(f"no usable image in {_count(opened.n_files, 'file')}, expected clean scans{_why(opened)}.")
    return (UNLABELLED,)


def _why(opened: Source) -> str:
    return "".join(f"; {finding.name}: {finding.detail}" for finding in opened.findings[:_FINDINGS_SHOWN])


def _report(opened: Source, settled: Settled, counts: dict[str, list[int]]) -> dict[str, object]:
    return report(
        n_files=opened.n_files,
        n_items=len(settled.splits),
        counts=counts,
        overlap=settled.overlap,
        findings=[*opened.findings, *settled.findings],
    )


def _made_from(opened: Source, source: Path, weights: Shares | None, seed: int) -> dict[str, object]:
    """Where a data set came from; a seed and shares decided something only where it was divided."""
    made_from: dict[str, object] = {"kind": opened.kind, "name": source.name}
    return made_from if weights is None else {**made_from, "seed": seed, "shares": asdict(weights)}


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
