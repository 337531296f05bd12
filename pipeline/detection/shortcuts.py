"""What one feature of a file tells by itself: a detector that does no better has learned a file's history."""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.fft import dctn

from datasets.adversarial_store import WHOLE_IMAGE
from datasets.image import encode_png
from pipeline.detection.controls import EQUAL_NORM
from pipeline.detection.evidence import clean_scans
from pipeline.detection.examined import AttackedCell, Examined
from pipeline.detection.network import Scan
from pipeline.detection.protocol_rows import ShortcutRow
from pipeline.detection.statistics import Interval, auroc_interval
from pipeline.models.resize import fit_levels
from pipeline.models.spec import ClassifierSpec

Feature = Callable[[np.ndarray, int, ClassifierSpec], float]

_PART = 40
_BLOCK = 8
# A coefficient that JPEG dropped comes back within rounding, less than a level; its coarsest steps begin above this.
_ON_GRID, _NEXT_GRID = 1.0, 8.0
# Off the 1/255 grid by more than single precision explains.
_OFF = 0.01


def off_grid_share(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> float:
    """Share of the pixels, as the classifier is shown them, that are no whole level of the file's depth."""
    shown = fit_levels(levels, bits, spec) * (2**bits - 1)
    return float((np.abs(shown - np.rint(shown)) > _OFF).mean())


def jpeg_off_grid_share(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> float:
    """Share of the fine half of all 8x8 cosine coefficients that a file fresh from a JPEG decoder does not have.

    There they are nothing, or a whole step of the quantisation; in between, something was added after the JPEG.
    """
    grey = levels.astype(np.float64).mean(axis=2) * (255 / (2**bits - 1))
    height, width = (length // _BLOCK * _BLOCK for length in grey.shape)
    if not height or not width:
        return 0.0
    blocks = grey[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).swapaxes(1, 2)
    fine = np.add.outer(np.arange(_BLOCK), np.arange(_BLOCK)) >= _BLOCK
    size = np.abs(dctn(blocks, axes=(2, 3), norm="ortho")[:, :, fine])
    return float(((size > _ON_GRID) & (size < _NEXT_GRID)).mean())


def lsb_unevenness(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> float:
    """How unevenly the levels 2k and 2k + 1 are filled, over all k: noise in the last bit makes them even.

    The statistic of pairs of values, Westfeld and Pfitzmann 1999, doi:10.1007/10719724_5, over the number of levels.
    """
    pairs = np.bincount(levels.ravel().astype(np.int64), minlength=2**bits).reshape(-1, 2).astype(np.float64)
    total = pairs.sum(axis=1)
    filled = total > 0
    return float(((pairs[filled, 0] - pairs[filled, 1]) ** 2 / total[filled]).sum() / levels.size)


def file_size(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> float:
    """Bytes of the PNG, a level."""
    return len(encode_png(levels, bits)) / levels.size


def black_share(levels: np.ndarray, bits: int, spec: ClassifierSpec) -> float:
    """Share of levels that are exactly 0: of the air around a head, an attack leaves less."""
    return float((levels == 0).mean())


FEATURES: dict[str, Feature] = {
    "off-grid share": off_grid_share,
    "JPEG off-grid share": jpeg_off_grid_share,
    "LSB histogram": lsb_unevenness,
    "file size": file_size,
    "black share": black_share,
}
"""Every feature by name; each is one number of a file."""


def shortcut_rows(examined: Examined, cells: list[AttackedCell]) -> tuple[ShortcutRow, ...]:
    """Each feature alone, radius by radius: attacks of the whole image against clean scans, and against sign noise."""
    whole = [cell for cell in cells if cell.region == WHOLE_IMAGE]
    items = examined.some_items(_PART)
    groups = examined.groups(items)
    clean = _measured(examined, clean_scans(examined.dataset, items), len(items), "clean scans")
    found = []
    for level in sorted({cell.level for cell in whole}, key=lambda level: level or 0):
        same = [cell for cell in whole if cell.level == level]
        chosen = [examined.some_hits(cell, _PART) for cell in same]
        rows = np.concatenate([cell.rows[hits] for cell, hits in zip(same, chosen, strict=True)])
        of_rows = np.concatenate([cell.groups[hits] for cell, hits in zip(same, chosen, strict=True)])
        what = "attacks" if level is None else f"attacks at {level:g}/255"
        attacked = _measured(examined, examined.attacked(rows), len(rows), what)
        others = {"clean": clean}
        if level is not None and ("sign", round(level)) in EQUAL_NORM and level == round(level):
            others["sign noise"] = _measured(examined, _noisy(examined, items, round(level)), len(items), what)
        found += [
            ShortcutRow(
                feature=name,
                against=against,
                level=level,
                n=len(rows),
                n_other=len(items),
                auroc=_either_way(
                    auroc_interval(attacked[name], other[name], of_rows, groups, seed=examined.seed, n_resamples=200)
                ),
            )
            for against, other in others.items()
            for name in FEATURES
        ]
    return tuple(found)


def _noisy(examined: Examined, items: np.ndarray, level: int) -> Iterable[Scan]:
    rng = np.random.default_rng([examined.seed, _PART, level])
    control = EQUAL_NORM["sign", level]
    return ((control(levels, bits, rng), bits) for levels, bits in clean_scans(examined.dataset, items))


def _measured(examined: Examined, scans: Iterable[Scan], n: int, what: str) -> dict[str, np.ndarray]:
    """Every feature of n scans."""
    spec = examined.network.model.spec
    values: dict[str, list[float]] = {name: [] for name in FEATURES}
    for done, (levels, bits) in enumerate(scans):
        examined.progress(done, n, f"shortcuts: {what}")
        for name, feature in FEATURES.items():
            values[name].append(feature(levels, bits, spec))
    return {name: np.array(value) for name, value in values.items()}


def _either_way(found: Interval) -> Interval:
    """A feature that goes down under attack tells as much as one that goes up."""
    if found.value is None or found.low is None or found.high is None or found.value >= 0.5:
        return found
    return Interval(1 - found.value, 1 - found.high, 1 - found.low)
