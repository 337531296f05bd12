"""What a detector was kept from learning, as it was asked; reading it loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words

# Rows hold float32, settings what a person wrote.
_SAME_EPS = 1e-5
_LARGE_EPS = 64 / 255


@dataclass(frozen=True)
class NotShown:
    """What of its own adversarial set a detector did not learn from.

    Attributes:
        leave_out: attacks, by their registered names.
        only_eps: the radii that it did learn from, in pixel fractions; empty where it learned from all.
    """

    leave_out: tuple[str, ...] = ()
    only_eps: tuple[float, ...] = ()

    @property
    def words(self) -> str:
        """For people; empty where nothing was kept from it."""
        radii = ", ".join(map(_radius, self.only_eps))
        parts = (", ".join(map(type_name, self.leave_out)), f"any radius but {radii}" if radii else "")
        return "; ".join(part for part in parts if part)

    def hides(self, attack: str, eps: float) -> bool:
        """Whether an attack at a radius is among what was kept from it."""
        off = bool(self.only_eps) and not any(same_eps(eps, one) for one in self.only_eps)
        return attack in self.leave_out or off

    def to_json(self) -> dict[str, list[Any]]:
        """The same as JSON values."""
        return {"leave_out": list(self.leave_out), "only_eps": list(self.only_eps)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "NotShown":
        """From what `to_json` gave, or from settings that say nothing of it."""
        return cls(tuple(values.get("leave_out", ())), tuple(values.get("only_eps", ())))


def _radius(eps: float) -> str:
    """A radius in words; a large one may be the length of a whole change, which no setting says."""
    if eps <= 0:
        return "what attacks find by themselves"
    return radius_words(eps, "") if eps <= _LARGE_EPS else f"{radius_words(eps, '')} or length {eps:g}"


ALL_SHOWN = NotShown()


def not_shown(notes: Mapping[str, Any]) -> NotShown:
    """What the notes of a detector say of it; those of before there was a choice say nothing."""
    return NotShown.from_json(notes.get("settings", {}))


def same_eps(one: float, other: float) -> bool:
    """Whether two radii are one, but for how they are stored."""
    return abs(one - other) <= _SAME_EPS
