"""From scores to what a report's pictures are drawn from."""

import numpy as np

from datasets.duplicates import pixels_sha256
from pipeline.detection.drawn_rows import Drawn, Example, Histogram, RocCurve
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.naming_figures import called
from pipeline.detection.noise import Controlled

MAX_EXAMPLES = 8
N_BINS = 40
_PER_DECADE = 12
# So much of each side is put into the outermost bins, or one far score would leave the others a single bin.
_BEYOND = 0.005


def drawn(examined: Examined, cells: list[AttackedCell], controlled: Controlled) -> Drawn:
    """The figures behind the pictures of a report."""
    hit = np.concatenate([cell.hit for cell in cells]) if cells else np.empty(0)
    harmless = np.concatenate([score for _, score in controlled.values()]) if controlled else np.empty(0)
    return Drawn(
        tau=examined.tau,
        strict_tau=examined.strict_tau,
        smallest_rate=1 / len(examined.items),
        roc=roc_curves(cells, examined.clean.score),
        histogram=histogram({"clean": examined.clean.score, "harmless change": harmless, "attacked": hit}),
        examples=examples(examined, cells),
    )


def roc_curves(cells: list[AttackedCell], clean: np.ndarray) -> tuple[RocCurve, ...]:
    """One curve a radius, over all attacks of that radius; attacks without a radius share the last."""
    levels = sorted({cell.level for cell in cells}, key=lambda level: (level is None, level))
    found = []
    for level in levels:
        hit = np.concatenate([cell.hit for cell in cells if cell.level == level])
        if len(hit):
            found.append(RocCurve(level, len(hit), roc_points(hit, clean)))
    return tuple(found)


def roc_points(hit: np.ndarray, clean: np.ndarray) -> tuple[tuple[float, float], ...]:
    """False-alarm rate and share found, on a grid that is even in the logarithm, from one clean scan to all.

    Each point is that of a threshold at a clean score, above which scans are flagged; where scores tie, fewer clean
    scans lie above it than asked for, and the rate is that of those who do.
    """
    n = len(clean)
    ranked = np.sort(clean)[::-1]
    wanted = np.unique(np.rint(np.geomspace(1, n, 1 + int(np.ceil(_PER_DECADE * np.log10(max(n, 10)))))).astype(int))
    points = {}
    for k in wanted:
        above = ranked[k] if k < n else -np.inf
        rate = float((clean > above).mean())
        if rate > 0:
            points[rate] = float((hit > above).mean())
    return tuple(sorted(points.items()))


def histogram(scores: dict[str, np.ndarray]) -> Histogram:
    """Counts of every kind of scan in the same bins."""
    given = [score for score in scores.values() if len(score)]
    low = min(float(np.quantile(score, _BEYOND)) for score in given)
    high = max(float(np.quantile(score, 1 - _BEYOND)) for score in given)
    edges = np.linspace(low, high if high > low else low + 1, N_BINS + 1)
    counts = {
        name: tuple(int(n) for n in np.histogram(score.clip(edges[0], edges[-1]), edges)[0])
        for name, score in scores.items()
        if len(score)
    }
    return Histogram(tuple(float(edge) for edge in edges), counts)


def examples(examined: Examined, cells: list[AttackedCell]) -> tuple[Example, ...]:
    """Scans chosen by a rule and not by their looks: of each attack the usual one, then those furthest from found.

    An attack's usual scan is the one of median score in the cell of the radius nearest to 2/255, at which changes are
    small and most attacks succeed.
    """
    usual = []
    for attack in sorted({cell.attack for cell in cells}):
        same = [cell for cell in cells if cell.attack == attack and len(cell.hit)]
        if same:
            cell = min(same, key=lambda one: (abs((one.level or 0) - 2), one.region))
            places = np.flatnonzero(cell.success)
            order = places[np.argsort(cell.scores.score[places], kind="stable")]
            usual.append(_example(examined, cell, int(order[(len(order) - 1) // 2]), "usual"))
    missed = sorted(
        (float(cell.scores.score[place]), k, int(place))
        for k, cell in enumerate(cells)
        for place in np.flatnonzero(cell.success & (cell.scores.score <= examined.tau))
    )
    wanted = missed[: max(2, MAX_EXAMPLES - len(usual))]
    return (*usual, *(_example(examined, cells[k], place, "missed") for _, k, place in wanted))


def _example(examined: Examined, cell: AttackedCell, place: int, kind: str) -> Example:
    row, rows, classes = int(cell.rows[place]), examined.rows, examined.dataset.classes
    score = float(cell.scores.score[place])
    return Example(
        kind=kind,
        row=row,
        item=int(rows.parent[row]),
        largest=int(np.abs(examined.perturbation(row)).max()),
        levels_sha256=pixels_sha256(rows.levels(row), int(rows.bits[row])),
        attack=cell.attack,
        eps=cell.eps,
        region=cell.region,
        label=classes[int(rows.label[row])],
        after=classes[int(rows.pred_after[row])],
        score=score,
        flagged=score > examined.tau,
        called=called(cell)[int(cell.success[:place].sum())],
    )
