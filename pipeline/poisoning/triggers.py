"""The trigger of a backdoor: the same change in every image that carries it."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

from pipeline.errors import BadPoison

PATCH, BLEND = "patch", "blend"
KINDS = {PATCH: "a solid rectangle", BLEND: "a pattern over the whole image"}
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")

_AT = re.compile(r"(\d{1,5}),(\d{1,5})")
_RANGES = {"height": (1, 2048), "width": (1, 2048), "value": (0, 1), "strength": (0, 1), "seed": (0, 2**32 - 1)}


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """What is laid on an image: x becomes (1 - strength) x + strength * trigger, where the trigger is.

    A solid patch is that of Gu et al. 2017, arXiv:1708.06733; a blended pattern that of Chen et al. 2017,
    arXiv:1712.05526, section 4.1, with even noise of a seed for its picture.

    Attributes:
        kind: one of `KINDS`.
        height: of a patch, in pixels.
        width: of a patch, in pixels.
        place: of a patch: one of `CORNERS`, or "row,column" of its upper left pixel, counted from 0.
        value: of a patch, in [0, 1]: 1 is white.
        strength: share of the trigger where it is, in [0, 1].
        seed: of the pattern of a blend.

    Raises:
        BadPoison: a value outside its range.
    """

    kind: str = PATCH
    height: int = 2
    width: int = 2
    place: str = "bottom-right"
    value: float = 1.0
    strength: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadPoison(f"a trigger of kind {self.kind!r}; give one of {', '.join(KINDS)}")
        for name, (lowest, highest) in _RANGES.items():
            value = getattr(self, name)
            whole = next(one.type for one in fields(self) if one.name == name) is int
            if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
                raise BadPoison(f"trigger {name} {value!r}; give a {'whole ' if whole else ''}number")
            if not lowest <= value <= highest:
                raise BadPoison(f"trigger {name} {value:g}; give {lowest} to {highest}")
        if self.strength == 0:
            raise BadPoison("a trigger of strength 0 changes nothing; give more than 0")
        if not isinstance(self.place, str) or not (self.place in CORNERS or _AT.fullmatch(self.place)):
            raise BadPoison(f"a trigger at {self.place!r}; give {', '.join(CORNERS)}, or row,column as 3,24")

    def to_json(self) -> dict[str, object]:
        """The trigger as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Trigger":
        """The trigger from what `to_json` gave; what is not named keeps its default.

        Raises:
            BadPoison: an unknown name, or a value that no trigger can have.
        """
        if unknown := sorted(set(values) - set(cls.__dataclass_fields__)):
            raise BadPoison(f"a trigger has no {', '.join(unknown)}; it has {', '.join(cls.__dataclass_fields__)}")
        return cls(**values)

    def stamped(self, levels: np.ndarray, bits: int) -> np.ndarray:
        """A copy of the levels (H, W, C) that carries the trigger, on the same lattice.

        Raises:
            BadPoison: a part of the trigger lies off the image.
        """
        highest = (1 << bits) - 1
        mixed = levels.astype(np.float64)
        if self.kind == BLEND:
            pattern = np.random.default_rng(self.seed).random(levels.shape[:2])[:, :, None]
            mixed = (1 - self.strength) * mixed + self.strength * highest * pattern
        else:
            rows, columns = self._box(*levels.shape[:2])
            mixed[rows, columns] = (1 - self.strength) * mixed[rows, columns] + self.strength * highest * self.value
        return np.rint(mixed).astype(levels.dtype)

    def _box(self, height: int, width: int) -> tuple[slice, slice]:
        if at := _AT.fullmatch(self.place):
            top, left = int(at[1]), int(at[2])
        else:
            top = 0 if self.place.startswith("top") else height - self.height
            left = 0 if self.place.endswith("left") else width - self.width
        if top < 0 or left < 0 or top + self.height > height or left + self.width > width:
            raise BadPoison(
                f"a trigger of {self.height}x{self.width} pixels at {self.place} lies off an image of"
                f" {height}x{width}; move it, or make it smaller"
            )
        return slice(top, top + self.height), slice(left, left + self.width)
