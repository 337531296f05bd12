"""Every measurement behind docs/results/poisoning.md, in its order."""

from collections.abc import Iterator

from benchmarks import poisoning_sources as sources
from benchmarks.poisoning_plan import DIGITS, TAMPERED, TIMED, UNPOISONED, UNPOISONED_FEW, flips
from benchmarks.poisoning_sources import sources_id
from benchmarks.poisoning_timed import timed_run
from benchmarks.poisoning_work import Json, Work
from benchmarks.tampering import measured
from pipeline.poisoning.flips import FlipRecipe


def rows_of(work: Work, seeds: tuple[int, ...]) -> Iterator[Json]:
    """Every measurement of these seeds."""
    for number in seeds:
        one = work.seed(number)
        shared = {"data": work.plan.data, "seed": number}
        yield {**shared, "what": UNPOISONED, "finders": one.unpoisoned(), "strip": one.unpoisoned_strip()}
        yield {**shared, "what": UNPOISONED_FEW, "finders": one.unpoisoned(UNPOISONED_FEW)}
        for what, recipe in work.plan.recipes(number).items():
            yield one.measured(what, recipe)
    if work.plan is DIGITS:
        yield from _once(work)


def _once(work: Work) -> Iterator[Json]:
    """What is measured once, whatever the seeds: a run that somebody waits for, and changes behind everyone's back."""
    made = work.plan.recipes(0)[flips(0.2)]
    assert isinstance(made, FlipRecipe)  # noqa: S101 - By its name.
    by = [work.dataset.id, sources_id(sources.TIMED)]
    run = work.once(TIMED, by, lambda: timed_run(work.source, made, work.plan.shares))
    yield {"data": work.plan.data, "what": TIMED, "seed": 0, **run}
    tampered = work.once(TAMPERED, [sources_id(sources.TAMPERED)], lambda: measured(1_000, 1_000, 60_000, seed=0))
    yield {"data": work.plan.data, "what": TAMPERED, **tampered}
