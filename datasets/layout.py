"""Which class and which split a file belongs to, told by the folders it lies in."""

from collections.abc import Sequence
from dataclasses import dataclass

SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What people call the folders of a split, in small letters."""


@dataclass(frozen=True)
class Place:
    """Where one file belongs: a class and a split; without a class (""), the reason why."""

    name: str
    label: str
    split: str | None
    reason: str = ""


def places(names: Sequence[str]) -> list[Place]:
    """The place of every file, in the order given.

    A class is a folder; it may lie in a folder of a split ("Training", "test", "val", any case), and all of it in
    folders that hold nothing else. Deeper folders, such as one a patient, belong to the class around them.

    Args:
        names: paths with forward slashes, relative to the source.
    """
    folders = {name: name.split("/")[:-1] for name in names}
    depth = _wrapping([parts for parts in folders.values() if parts])
    inner = {name: parts[depth:] for name, parts in folders.items()}
    by_split = any(len(parts) > 1 and parts[0].casefold() in SPLIT_FOLDERS for parts in inner.values())
    return [_place(name, parts, by_split=by_split) for name, parts in inner.items()]


def _wrapping(folders: list[list[str]]) -> int:
    """How many outer folders all files share without one of them being a split or a class."""
    depth = 0
    while True:
        heads = {parts[depth] for parts in folders if len(parts) > depth}
        if len(heads) != 1 or heads.pop().casefold() in SPLIT_FOLDERS:
            return depth
        # The last shared folder is a class, the only one there is.
        if not any(len(parts) > depth + 1 for parts in folders):
            return depth
        depth += 1


def _place(name: str, parts: list[str], *, by_split: bool) -> Place:
    if not parts:
        return Place(name, "", None, "lies in no folder, so it has no class; put it in the folder of its class")
    if not by_split:
        return Place(name, parts[0], None)
    split = SPLIT_FOLDERS.get(parts[0].casefold())
    if split is None:
        return Place(name, "", None, f"lies in {parts[0]}, beside the folders of the splits; move it into one")
    if len(parts) < 2:
        return Place(name, "", split, f"lies in {parts[0]} without a class; put it in the folder of its class")
    return Place(name, parts[1], split)
