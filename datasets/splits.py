"""Which image serves what: training, choosing, the detector, calibration or the test.

The four uses are kept apart because each judges the one before it: a detector trained on images that the
classifier learnt by heart, or a threshold set on images that the detector saw, promises too much.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from datasets.errors import BadDataset

CALIBRATION = "calibration"
SPLITS = ("train", "val", "detector", CALIBRATION, "test")
DROPPED = "dropped"
# When a group touches several given splits, the first of these keeps its members and the rest is dropped.
PRECEDENCE = ("test", "val")


@dataclass(frozen=True, kw_only=True)
class Shares:
    """How much of the data each split gets, as weights: only their proportion counts.

    A split that the source brings with it is used as given, and its weight is left out.
    """

    train: float = 0.60
    val: float = 0.05
    detector: float = 0.15
    calibration: float = 0.20
    test: float = 0.15

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not math.isfinite(share) or share < 0:
                raise BadDataset(f"share of {name}: {share}, expected a number of at least 0.")
        if self.train == 0:
            raise BadDataset("share of train: 0, expected more than 0.")


def drop_leaks(groups: np.ndarray, given: Sequence[str | None]) -> list[str | None]:
    """The given splits, with "dropped" where an image has a copy or near copy in a split that must stay unseen.

    Args:
        groups: (N,) int64; copies and near copies of one picture share a number.
        given: what the source says: "test", "val", "train", "dropped" or None.

    Returns:
        "test", "val" or "dropped"; None for every image that is free to be divided.
    """
    keeper: dict[int, str] = {}
    for split in PRECEDENCE:
        for group, said in zip(groups.tolist(), given, strict=True):
            if said == split:
                keeper.setdefault(group, split)
    settled: list[str | None] = []
    for group, said in zip(groups.tolist(), given, strict=True):
        kept = keeper.get(group)
        if said == DROPPED or (kept is not None and said != kept):
            settled.append(DROPPED)
        else:
            settled.append(kept)
    return settled


def divide(
    labels: np.ndarray,
    groups: np.ndarray,
    settled: Sequence[str | None],
    *,
    shares: Shares | None = None,
    seed: int = 0,
) -> list[str]:
    """A split for every image: whole groups, each class in the same proportions, the same for the same seed.

    Args:
        labels: (N,) int64.
        groups: (N,) int64.
        settled: from `drop_leaks`; what is not None stays.
        shares: weights of the splits that nothing was settled for.
        seed: decides which of the equally large groups go where.

    Raises:
        BadDataset: one class, a class with nothing to train on, or fewer different pictures than splits.
    """
    open_splits = _open_splits(settled, shares or Shares())
    free = np.array([i for i, split in enumerate(settled) if split is None], dtype=np.int64)
    _refuse_too_little(labels, groups, settled, free, n_splits=len(open_splits))
    members: dict[int, list[int]] = {}
    for index in free.tolist():
        members.setdefault(int(groups[index]), []).append(index)
    chosen = _fill(list(members.values()), labels, open_splits, seed)
    splits = [split or "" for split in settled]
    for indices, split in zip(members.values(), chosen, strict=True):
        for index in indices:
            splits[index] = split
    return splits


def _open_splits(settled: Sequence[str | None], shares: Shares) -> dict[str, float]:
    """The splits to fill, each with its fraction of the free images."""
    weights = {name: share for name, share in asdict(shares).items() if share > 0 and name not in settled}
    total = sum(weights.values())
    return {name: share / total for name, share in weights.items()}


def _refuse_too_little(
    labels: np.ndarray, groups: np.ndarray, settled: Sequence[str | None], free: np.ndarray, *, n_splits: int
) -> None:
    used = [i for i, split in enumerate(settled) if split != DROPPED]
    classes = set(labels[used].tolist())
    if len(classes) < 2:
        raise BadDataset(f"{len(classes)} class with usable images; a classifier needs at least 2 to tell apart.")
    if missing := classes - set(labels[free].tolist()):
        raise BadDataset(
            f"class number {min(missing)} has images for the test only; put images of it outside the test folder too."
        )
    n_groups = len(set(groups[free].tolist()))
    if n_groups < n_splits:
        raise BadDataset(
            f"{n_groups} different pictures for {n_splits} splits; add images. The command line can leave splits out: "
            "--shares val=0,test=0."
        )


def _fill(members: list[list[int]], labels: np.ndarray, open_splits: dict[str, float], seed: int) -> list[str]:
    """The split of every group: each goes where its class is furthest behind its share."""
    sizes = np.array([len(indices) for indices in members])
    shuffled = np.random.default_rng(seed).permutation(len(members))
    # The largest first, so that the small ones can even out what they leave.
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    names = list(open_splits)
    filled = {name: dict.fromkeys(np.unique(labels).tolist(), 0) for name in names}
    totals = dict.fromkeys(names, 0)
    chosen = [""] * len(members)
    for number in order.tolist():
        group_labels = labels[members[number]].tolist()
        main = max(sorted(set(group_labels)), key=group_labels.count)
        half = len(group_labels) / 2

        # Half of the group counts already: the rule of Webster, which favours neither small nor large shares.
        def behind(name: str, main: int = main, half: float = half) -> tuple[float, float]:
            share = open_splits[name]
            return (filled[name][main] + half) / share, totals[name] / share

        split = min(names, key=behind)
        chosen[number] = split
        totals[split] += len(group_labels)
        for label in group_labels:
            filled[split][label] += 1
    _leave_none_empty(chosen, members, names)
    return chosen


def _leave_none_empty(chosen: list[str], members: list[list[int]], names: list[str]) -> None:
    """Give every empty split the smallest group of the split that has most groups."""
    for empty in [name for name in names if name not in chosen]:
        richest = max(names, key=chosen.count)
        numbers = [number for number, split in enumerate(chosen) if split == richest]
        chosen[min(numbers, key=lambda number: len(members[number]))] = empty
