"""The kept figures of all seeds, pooled into cells."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.detector_parts import IMAGE, Part, Parts, Seen
from benchmarks.detector_plan import SEEDS
from benchmarks.detector_stages import STATIC
from benchmarks.detector_work import Json
from pipeline.detection import naming_figures
from pipeline.detection.pooled import NOTHING, Pooled, Sample, pooled_auroc, pooled_rate

N_RESAMPLES = 500


@dataclass(frozen=True)
class Cell:
    """One attack at one radius in one region, over seeds: AUROC, and the share found at both rates."""

    attack: str
    level: float | None
    region: str
    auroc: Pooled
    found: Pooled
    found_strict: Pooled

    @property
    def name(self) -> str:
        """For people."""
        return str(self.part) if self.region == IMAGE else f"{self.part}, {self.region}"

    @property
    def part(self) -> Part:
        """What goals know it by."""
        return Part(self.attack, self.level)


@dataclass(frozen=True)
class Found:
    """All notes that the report is made from, as the stages gave them; `promised` are the seeds that goals speak of."""

    notes: Sequence[Json]
    promised: Sequence[int] = SEEDS

    def parts(self, promised: Sequence[Part], seen: Seen) -> Parts:
        """What a goal speaks of, of every promised seed, beside what was seen of it."""
        return Parts(promised, self.promised, seen)

    def of(self, stage: str, what: str | None = None) -> list[Json]:
        """The notes of a stage, one a seed or more."""
        return [note for note in self.notes if note["stage"] == stage and what in (None, note["what"])]

    def whats(self, stage: str) -> list[str]:
        """What a stage measured, each once, in its order."""
        return list(dict.fromkeys(str(note["what"]) for note in self.of(stage)))

    def seeds(self, stage: str) -> list[int]:
        """The seeds that a stage was run for."""
        return sorted({int(note["seed"]) for note in self.of(stage)})

    def rows(self, table: str, stage: str = STATIC) -> list[list[Json]]:
        """The rows of a table beside the headline, one list a seed."""
        return [note["report"]["beside"][table] for note in self.of(stage)]


def cells(notes: Sequence[Json], only: Callable[[Json], bool] = lambda cell: True) -> list[Cell]:
    """The cells of these notes, pooled over their seeds."""
    keys = {
        (cell["attack"], cell["level"], cell["region"]): None
        for note in notes
        for cell in note["raw"]["cells"]
        if only(cell)
    }
    return [_cell(notes, *key) for key in sorted(keys, key=lambda key: (key[2], key[0], key[1] or 0))]


def against(notes: Sequence[Json], control: str, level: float) -> Pooled:
    """All attacks of the whole image at one radius against a control."""
    found = []
    for note in notes:
        same = [one for one in note["raw"]["cells"] if one["region"] == IMAGE and one["level"] == level]
        other = note["raw"]["controls"].get(control)
        if same and other:
            found.append(Sample(*_joined(same), *_arrays(other)))
    return pooled_auroc(found, n_resamples=N_RESAMPLES)


def flagged(notes: Sequence[Json], control: str) -> Pooled:
    """Share of the controlled scans that is flagged; the worst seed is the one that flags most."""
    told = [
        (note["raw"]["controls"][control], note["raw"]["tau"]) for note in notes if control in note["raw"]["controls"]
    ]
    return _flagged(told, low_is_worst=False)


def clean_flagged(notes: Sequence[Json]) -> Pooled:
    """Share of the clean scans that is flagged."""
    return _flagged([(note["raw"]["clean"], note["raw"]["tau"]) for note in notes], low_is_worst=False)


def macro_f1(
    notes: Iterable[Json], classes: dict[str, tuple[str, ...]], *, least_level: float = 2
) -> tuple[float | None, int]:
    """Macro-F1 of what successful attacks are called, attacks below a radius left out; and of how many.

    Args:
        notes: of the static stage and of variants.
        classes: by name, the types that count as one.
        least_level: in 1/255; attacks without a radius count.
    """
    counts: dict[str, dict[str, int]] = {name: {} for members in classes.values() for name in members}
    for note in notes:
        for cell in note["report"]["cells"]:
            level = 255 * cell["eps"]
            if cell["attack"] not in counts or 0 < level < least_level - 0.01 or cell["region"] != IMAGE:
                continue
            row = counts[cell["attack"]]
            for name, count in cell["named"].items():
                row[name] = row.get(name, 0) + count
    return naming_figures.macro_f1(counts, classes), sum(sum(row.values()) for row in counts.values())


def _cell(notes: Sequence[Json], attack: str, level: float | None, region: str) -> Cell:
    samples, told, strict = [], [], []
    for note in notes:
        for one in note["raw"]["cells"]:
            if (one["attack"], one["level"], one["region"]) == (attack, level, region):
                samples.append(Sample(*_arrays(one), *_arrays(note["raw"]["clean"])))
                told.append((one, note["raw"]["tau"]))
                strict.append((one, note["raw"]["strict_tau"]))
    return Cell(
        attack,
        level,
        region,
        pooled_auroc(samples, n_resamples=N_RESAMPLES),
        _flagged(told, low_is_worst=True),
        _flagged(strict, low_is_worst=True),
    )


def _flagged(told: Sequence[tuple[Json, float]], *, low_is_worst: bool) -> Pooled:
    if not told:
        return NOTHING
    hits = [np.array(one["scores"], dtype=float) > tau for one, tau in told]
    groups = [np.array(one["groups"], dtype=np.int64) for one, _ in told]
    return pooled_rate(hits, groups, low_is_worst=low_is_worst, n_resamples=N_RESAMPLES)


def _arrays(one: Json) -> tuple[np.ndarray, np.ndarray]:
    return np.array(one["scores"], dtype=float), np.array(one["groups"], dtype=np.int64)


def _joined(some: Sequence[Json]) -> tuple[np.ndarray, np.ndarray]:
    parts = [_arrays(one) for one in some]
    return np.concatenate([score for score, _ in parts]), np.concatenate([groups for _, groups in parts])
