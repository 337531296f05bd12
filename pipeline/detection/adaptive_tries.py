"""Tries of one attack at one radius on some scans, each kept on disk once it is done."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.progress import Progress
from pipeline.attacks.adaptive.guides import Guides
from pipeline.attacks.adaptive.run import GateAt, GateOutcome, attack_gate
from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.adaptive_scans import Group, Notes, Scans

Found = dict[str, dict[str, Any]]
"""What was found of each item, by its number."""

N_PLACES = 25
"""Of a curve, this many places are kept."""

# Both losses of APGD, since what one does not fool the other may.
_REFERENCE: tuple[dict[str, object], ...] = ({"loss": "ce"}, {"loss": "margin", "restarts": 2})


@dataclass(frozen=True)
class Tries:
    """Everything that the tries of one evaluation share."""

    gate: GateAt
    surrogate: GateAt | None
    guides: Guides | None
    scans: Scans
    notes: Notes
    plan: AdaptivePlan
    progress: Progress

    def before(self) -> Found:
        """Of each scan as it is: whether the classifier has it right, and whether the gate accepts it."""

        def one(group: Group) -> Found:
            seen = self.gate.judged(group.levels, group.bits)
            columns = {"right": seen.pred == group.y, "accepted": seen.accepted(self.gate.tau)}
            return _rows(group.items, columns)

        return self._once("before", [], self.scans.items, one)

    def alone(self, level: float, items: Sequence[int]) -> Found:
        """Whether APGD fools the classifier alone: the undefended start."""
        model = self.gate.network.model

        def one(group: Group) -> Found:
            fooled = np.zeros(len(group.y), dtype=bool)
            for params in _REFERENCE:
                rows = np.flatnonzero(~fooled)
                if not len(rows):
                    break
                fooled[rows] = attack_levels(
                    model,
                    create("apgd", {**params, "eps": level / 255, "stop_on_success": True}),
                    group.levels[rows],
                    group.bits,
                    group.y[rows],
                    pixels_sha256=[group.hashes[row] for row in rows.tolist()],
                    seed=self.plan.seed,
                    progress=self._labelled(f"classifier alone, {level:g}/255"),
                ).success
            return _rows(group.items, {"wrong": fooled})

        return self._once("alone", [level, _REFERENCE], items, one)

    def unaware(self, name: str, level: float, items: Sequence[int]) -> Found:
        """What becomes of the files of an attack that knows the classifier alone."""
        attack = create(name, {"eps": level / 255})

        def one(group: Group) -> Found:
            found = attack_levels(
                self.gate.network.model,
                attack,
                group.levels,
                group.bits,
                group.y,
                pixels_sha256=group.hashes,
                seed=self.plan.seed,
                progress=self._labelled(f"{name}, {level:g}/255"),
            )
            accepted = self.gate.judged(found.levels, group.bits).accepted(self.gate.tau)
            return _rows(group.items, {"wrong": found.success, "passed": found.success & accepted})

        return self._once(f"unaware-{name}", [level, attack.params()], items, one)

    def adaptive(self, name: str, level: float, items: Sequence[int]) -> Found:
        """What becomes of the files of an attack that knows the gate."""
        attack = self.plan.attack(name, level)

        def one(group: Group) -> Found:
            found = attack_gate(
                self.gate,
                attack,
                group.levels,
                group.bits,
                group.y,
                surrogate=self.surrogate,
                guides=self.guides,
                pixels_sha256=group.hashes,
                seed=self.plan.seed,
                progress=self._labelled(f"{name}, {level:g}/255"),
            )
            return _told(group.items, found)

        return self._once(f"adaptive-{name}", [attack.params(), self.plan.guides], items, one)

    def _once(self, what: str, inputs: list[object], items: Sequence[int], one: Any) -> Found:
        """Of all groups together, measured before or now."""

        def make() -> Found:
            return {item: row for group in self.scans.groups(items) for item, row in one(group).items()}

        chosen = sorted(int(item) for item in items)
        if not chosen:
            return {}
        found: Found = self.notes.once(what, [inputs, self.plan.seed, chosen], make)
        return found

    def _labelled(self, label: str) -> Progress:
        return lambda done, total, message: self.progress(done, total, label)


def _told(items: Sequence[int], found: GateOutcome) -> Found:
    n_steps = found.curve.shape[1]
    places = np.linspace(0, n_steps - 1, min(N_PLACES, n_steps)).round().astype(int)
    late = found.curve[:, -1] - found.curve[:, int(0.9 * (n_steps - 1))]
    return _rows(
        items,
        {
            "wrong": found.wrong,
            "passed": found.success,
            "steps": found.steps,
            "score": found.score,
            "levels": found.linf * 255,
            "late_rise": late,
            "curve": found.curve[:, places],
        },
    )


def _rows(items: Sequence[int], columns: dict[str, np.ndarray]) -> Found:
    """Columns as one JSON object an item."""
    return {
        str(item): {name: _plain(column[row].tolist()) for name, column in columns.items()}
        for row, item in enumerate(items)
    }


def _plain(value: Any) -> Any:
    """The value as JSON can say it, with four digits after the point and None for what is no number."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value
