"""What differs between two manifests, in words that name the item."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from datasets.store import Item
from pipeline.provenance.manifest import Manifest

ADDED, REMOVED, MOVED = "added", "removed", "order"
_COMPARED = {"label": "label", "split": "split", "pixels_sha256": "pixels", "sha256": "file", "group": "group"}
_HEX_SHOWN = 16


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was.

    Attributes:
        what: label, split, pixels, file, group, order, added, removed or classes.
        name: of the item, or of a file of the artefact.
        index: of the item as it is now, or as it was where it was removed; None for a file.
        now: its value; "" where there is none.
        was: what it should be.
    """

    what: str
    name: str
    index: int | None = None
    now: str = ""
    was: str = ""

    def __str__(self) -> str:
        where = self.name if self.index is None else f"item {self.index} {self.name}"
        if self.what in (ADDED, REMOVED):
            return f"{where}: {self.what}"
        return f"{where}: {self.what} {_short(self.now)}, was {_short(self.was)}"

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return asdict(self)


def differing_files(now: Mapping[str, str], was: Mapping[str, str]) -> Iterator[Difference]:
    """The files that were changed, added or removed."""
    for name in sorted({*now, *was}):
        if name not in now or name not in was:
            yield Difference(ADDED if name in now else REMOVED, name)
        elif now[name] != was[name]:
            yield Difference("sha256", name, None, now[name], was[name])


def differing_items(now: Manifest, was: Manifest) -> Iterator[Difference]:
    """The classes and items that were changed, added, removed or moved; items are known by their names."""
    if now.classes != was.classes:
        yield Difference("classes", "the data set", None, ", ".join(map(str, now.classes)), ", ".join(was.classes))
    here, there = _by_name(now.items), _by_name(was.items)
    for key, (index, item) in here.items():
        if key not in there:
            yield Difference(ADDED, item.name, index)
            continue
        other = there[key][1]
        for field, what in _COMPARED.items():
            if (value := getattr(item, field)) != (before := getattr(other, field)):
                yield Difference(what, item.name, index, str(value), str(before))
    yield from (Difference(REMOVED, item.name, index) for key, (index, item) in there.items() if key not in here)
    yield from _moved([key for key in here if key in there], [key for key in there if key in here], here, there)


def named_differences(now: Manifest, was: Manifest | None) -> list[str]:
    """What an artefact has otherwise than the manifest that was kept, in words, or that it cannot be named."""
    if was is None:
        return ["it was changed; what cannot be named, since the manifest that was kept is gone or changed as well"]
    items = differing_items(now, was) if now.items else ()
    return [*map(str, differing_files(now.files, was.files)), *map(str, items)]


_Key = tuple[str, int]
_Placed = dict[_Key, tuple[int, Item]]


def _by_name(items: Sequence[Item]) -> _Placed:
    """Items by name and by how many of that name stand before, since a damaged manifest may name one twice."""
    seen: Counter[str] = Counter()
    placed: _Placed = {}
    for index, item in enumerate(items):
        name = str(item.name)
        placed[name, seen[name]] = index, item
        seen[name] += 1
    return placed


def _moved(now: list[_Key], was: list[_Key], here: _Placed, there: _Placed) -> Iterator[Difference]:
    """Items that are in both and no longer stand at the same place among those."""
    for key, expected in zip(now, was, strict=True):
        if key != expected:
            index, item = here[key]
            yield Difference(MOVED, item.name, index, str(index), str(there[key][0]))


def _short(value: str) -> str:
    return f"{value[:_HEX_SHOWN]}…" if len(value) == 64 else value
