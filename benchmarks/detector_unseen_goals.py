"""What was promised of attacks that a detector was never shown."""

from collections.abc import Iterator, Sequence

from benchmarks.detector_figures import Cell, Found, cells
from benchmarks.detector_goal import Goal, at_least, missing
from benchmarks.detector_parts import IMAGE, STATIC_PARTS, Part, Parts, Seen, cells_seen, level_of
from benchmarks.detector_plan import LEFT_OUT, Plan
from benchmarks.detector_stages import LEAVE_OUT, NEVER
from pipeline.adversarial.recipe import Recipe


def unseen_goals(found: Found) -> Iterator[Goal]:
    """Attacks left out one by one, near twins left out together, and attacks that no detector is shown."""
    yield from _left_out(found, "leave one attack out", [names for names in LEFT_OUT if len(names) == 1])
    for family in (names for names in LEFT_OUT if len(names) > 1):
        yield from _left_out(found, f"leave the family {', '.join(name.upper() for name in family)} out", [family])
    some = [cell for what in found.whats(NEVER) for cell in cells(found.of(NEVER, what)) if cell.region == IMAGE]
    promised = [part for recipe in Plan(name="the protocol").never_trained.values() for part in _parts_of(recipe)]
    parts = found.parts(promised, cells_seen(found.of(NEVER)))
    yield from _mean_and_worst("attacks that were never trained on", some, parts, (0.95, 0.85))


def _left_out(found: Found, title: str, left: Sequence[tuple[str, ...]]) -> Iterator[Goal]:
    """Each of these on what it was not shown."""
    some: list[Cell] = []
    seen: Seen = {}
    for names in left:
        notes = found.of(LEAVE_OUT, " + ".join(names))
        some += cells(notes, lambda cell, names=names: cell["attack"] in names and cell["region"] == IMAGE)
        seen = {**seen, **{key: n for key, n in cells_seen(notes).items() if key[0].name in names}}
    promised = [part for part in STATIC_PARTS if any(part.name in names for names in left)]
    yield from _mean_and_worst(title, some, found.parts(promised, seen), (0.98, 0.93))


def _mean_and_worst(what: str, some: Sequence[Cell], parts: Parts, goals: tuple[float, float]) -> Iterator[Goal]:
    """The mean of the cells, each pooled over its seeds, and the worst of them."""
    mean, worst = goals
    seen = [(cell.auroc.value, cell) for cell in some if cell.auroc.value is not None]
    for_mean, for_worst = (f"{what}: mean AUROC", f"at least {mean:g}"), (f"{what}: worst AUROC", f"at least {worst:g}")
    if not seen:
        yield from (parts.complete(missing(*for_mean)), parts.complete(missing(*for_worst)))
        return
    average, n = sum(value for value, _ in seen) / len(seen), sum(cell.auroc.n for _, cell in seen)
    words = f"{average:.4f} of {len(seen)} cells"
    yield parts.complete(Goal(*for_mean, words, n, average >= mean))
    cell = min(seen, key=lambda one: one[0])[1]
    yield parts.complete(at_least(for_worst[0], worst, cell.auroc, cell.name))


def _parts_of(recipe: Recipe) -> Iterator[Part]:
    for spec in recipe.attacks:
        if isinstance(spec.eps, tuple):
            yield from (Part(spec.name, level_of(eps)) for eps in spec.eps)
        else:
            yield Part(spec.name)
