"""From decoded images to splits: which are copies, which must be dropped, and what is said about it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.duplicates import Fingerprint, Groups, exact_groups, near_pairs
from datasets.findings import Finding, Kind, Overlap
from datasets.layout import Place
from datasets.progress import Progress, ignore
from datasets.splits import CALIBRATION, DROPPED, Shares, divide, drop_leaks


@dataclass(frozen=True, eq=False)
class Candidate:
    """A decoded image before it has a split."""

    place: Place
    sha256: str
    fingerprint: Fingerprint
    shape: tuple[int, int, int]
    bits: int


@dataclass(frozen=True, eq=False)
class Settled:
    """What was decided for every candidate, in their order.

    Attributes:
        splits: one of `SPLITS` or "dropped".
        groups: (N,) int64; copies and near copies share the number of their first.
    """

    splits: list[str]
    groups: np.ndarray
    overlap: Overlap
    findings: list[Finding]


def settle(
    candidates: Sequence[Candidate],
    labels: np.ndarray,
    *,
    shares: Shares | None,
    seed: int = 0,
    progress: Progress = ignore,
) -> Settled:
    """Group copies, drop what would let a test be passed by memory, and divide the rest.

    Equal pixels under two labels are dropped outside the test, since one of the labels is wrong. A copy or near copy
    of a test image is dropped outside the test. Copies inside one split stay, in one group.

    Args:
        candidates: in the order of the data set.
        labels: (N,) int64, the class of each.
        shares: weights of the splits that the source does not bring; None where all that is free serves calibration.
        seed: of the division.
        progress: told while near copies are looked for.

    Raises:
        BadDataset: see `divide`.
    """
    prints = [one.fingerprint for one in candidates]
    exact = exact_groups(prints)
    linked = Groups(len(prints))
    for first, *others in exact:
        for other in others:
            linked.link(first, other)
    # Only pairs that join two groups are kept: a thousand copies of one picture have half a million pairs.
    pairs = [pair for pair in near_pairs(prints, progress=progress) if linked.link(*pair)]
    groups = linked.numbers()
    given = [one.place.split for one in candidates]
    conflicts = [group for group in exact if len(set(labels[group].tolist())) > 1]
    said: list[str | None] = list(given)
    for index in (index for group in conflicts for index in group):
        if given[index] != "test":
            said[index] = DROPPED
    settled = drop_leaks(groups, said)
    if shares is None:
        splits = [split or CALIBRATION for split in settled]
    else:
        splits = divide(labels, groups, settled, shares=shares, seed=seed)
    findings = [
        *_conflict_findings(candidates, conflicts),
        *_leak_findings(candidates, groups, said, settled),
        *_exact_findings(candidates, exact),
        *_near_findings(candidates, pairs, labels),
    ]
    return Settled(splits, groups, _overlap(exact, groups, given, labels), findings)


def _conflict_findings(candidates: Sequence[Candidate], conflicts: list[list[int]]) -> list[Finding]:
    findings = []
    for group in conflicts:
        for index in group:
            mine = candidates[index].place
            other = next(candidates[i].place for i in group if candidates[i].place.label != mine.label)
            fate = "kept, being a test image" if mine.split == "test" else "dropped"
            detail = f"labelled {mine.label}, but {other.name} with the same pixels {other.label}; {fate}"
            findings.append(Finding(Kind.LABEL_CONFLICT, mine.name, detail))
    return findings


def _leak_findings(
    candidates: Sequence[Candidate], groups: np.ndarray, said: Sequence[str | None], settled: Sequence[str | None]
) -> list[Finding]:
    members: dict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups.tolist()):
        members[group].append(index)
    findings = []
    for index, (before, after) in enumerate(zip(said, settled, strict=True)):
        if after != DROPPED or before == DROPPED:
            continue
        kept = [i for i in members[int(groups[index])] if settled[i] not in (None, DROPPED)]
        mine = candidates[index]
        # An equal picture says more than one that is linked through others.
        twin = min(kept, key=lambda i: candidates[i].fingerprint.pixels_sha256 != mine.fingerprint.pixels_sha256)
        equal = candidates[twin].fingerprint.pixels_sha256 == mine.fingerprint.pixels_sha256
        detail = f"{'copy' if equal else 'near copy'} of {candidates[twin].place.name} in {settled[twin]}; dropped"
        findings.append(Finding(Kind.SPLIT_LEAK, mine.place.name, detail))
    return findings


def _exact_findings(candidates: Sequence[Candidate], exact: list[list[int]]) -> list[Finding]:
    return [
        Finding(Kind.EXACT_DUPLICATE, candidates[i].place.name, f"same pixels as {candidates[group[0]].place.name}")
        for group in exact
        for i in group[1:]
    ]


def _near_findings(candidates: Sequence[Candidate], pairs: list[tuple[int, int]], labels: np.ndarray) -> list[Finding]:
    findings = []
    for first, second in pairs:
        one, other = candidates[first].place, candidates[second].place
        detail = f"near copy of {one.name}"
        if labels[first] != labels[second]:
            detail += f", which is labelled {one.label} and not {other.label}; look at both"
        findings.append(Finding(Kind.NEAR_DUPLICATE, other.name, detail))
    return findings


def _overlap(exact: list[list[int]], groups: np.ndarray, given: Sequence[str | None], labels: np.ndarray) -> Overlap:
    numbers, counts = np.unique(groups, return_counts=True)
    several = set(numbers[counts > 1].tolist())
    splits, classes = defaultdict(set), defaultdict(set)
    for index, group in enumerate(groups.tolist()):
        splits[group].add(given[index])
        classes[group].add(int(labels[index]))
    return Overlap(
        exact_groups=len(exact),
        exact_images=sum(map(len, exact)),
        groups=len(several),
        images=int(counts[counts > 1].sum()),
        across_splits=sum(len(splits[group]) > 1 for group in several),
        across_classes=sum(len(classes[group]) > 1 for group in several),
    )
