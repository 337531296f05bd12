"""What an import noticed about single files, and the report that it writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What can be noticed about a file."""

    BROKEN = "broken"
    EMPTY = "empty"
    OVERSIZED = "oversized"
    UNSUPPORTED = "unsupported"
    NO_CLASS = "no_class"
    IGNORED = "ignored"
    WRONG_EXTENSION = "wrong_extension"
    EXACT_DUPLICATE = "exact_duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    LABEL_CONFLICT = "label_conflict"
    SPLIT_LEAK = "split_leak"


LEFT_OUT = frozenset(
    {Kind.BROKEN, Kind.EMPTY, Kind.OVERSIZED, Kind.UNSUPPORTED, Kind.NO_CLASS, Kind.IGNORED},
)
"""Kinds of files that are no item of the data set; each such file has exactly one of these findings."""


@dataclass(frozen=True)
class Finding:
    """One thing about one file: its name in the source, and what is the matter with it in a sentence."""

    kind: Kind
    name: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """How many pictures came more than once.

    Attributes:
        exact_groups: sets of images with equal pixels; `exact_images` those in them.
        groups: sets of copies and near copies together; `images` those in them.
        across_splits: those of `groups` that the source had in more than one split.
        across_classes: those of `groups` that have more than one class.
    """

    exact_groups: int
    exact_images: int
    groups: int
    images: int
    across_splits: int
    across_classes: int


def report(
    *, n_files: int, n_items: int, counts: dict[str, list[int]], overlap: Overlap, findings: Sequence[Finding]
) -> dict[str, object]:
    """The report of an import as JSON: totals first, then every finding.

    Args:
        n_files: files (or rows of arrays) in the source.
        n_items: those that became items, the dropped ones too.
        counts: items by split and class.
        overlap: copies and near copies.
        findings: in the order in which they are to be read.
    """
    n_left_out = sum(finding.kind in LEFT_OUT for finding in findings)
    assert n_files == n_items + n_left_out, f"{n_files} files, {n_items} items, {n_left_out} left out"  # noqa: S101 - cannot happen.
    return {
        "n_files": n_files,
        "n_items": n_items,
        "n_left_out": n_left_out,
        "counts": counts,
        "duplicates": asdict(overlap),
        "n_by_kind": dict(sorted(Counter(finding.kind.value for finding in findings).items())),
        "findings": [asdict(finding) for finding in findings],
    }
