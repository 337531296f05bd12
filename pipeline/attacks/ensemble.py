"""The strong reference: several attacks in turn, each on what is still robust, worst case image by image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from datasets.progress import Progress, ignore
from pipeline.attacks.apgd import APGD, APGDT
from pipeline.attacks.attack import MAX_STEPS, Attack
from pipeline.attacks.budget import Norm, check_count, check_eps
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.run import attack_levels
from pipeline.attacks.square import Square
from pipeline.models.adapter import PixelModel

CLEAN = "clean"
"""What `fooled_by` says of an image that the classifier has wrong without any attack."""


@dataclass(frozen=True, kw_only=True)
class Ensemble:
    """APGD on the cross entropy, APGD towards each likely class, then Square, under Linf.

    After AutoAttack, Croce and Hein 2020, arXiv:2003.01690, without FAB. Success is judged on the file; an image
    that was fooled as floating-point pixels only is climbed once more, past the first success to the highest loss.

    Attributes:
        eps: the radius.
        steps: of both APGD attacks.
        n_targets: classes that APGD is aimed at, as far as there are so many.
        n_queries: of Square; 0 leaves it out.
    """

    eps: float = 8 / 255
    steps: int = 100
    n_targets: int = 9
    n_queries: int = 5000

    def __post_init__(self) -> None:
        check_eps(self.eps, Norm.LINF)
        check_count("n_queries", self.n_queries, MAX_STEPS, low=0)
        _ = self.attacks  # They refuse the rest.

    @property
    def attacks(self) -> tuple[Attack, ...]:
        """The attacks in their order."""
        white = (
            APGD(eps=self.eps, steps=self.steps, stop_on_success=True),
            APGDT(eps=self.eps, steps=self.steps, n_targets=self.n_targets, stop_on_success=True),
        )
        return (*white, Square(eps=self.eps, n_queries=self.n_queries)) if self.n_queries else white


@dataclass(frozen=True, eq=False, kw_only=True)
class Worst:
    """The worst that was found for each image; columns of length N beside the levels.

    `fooled_by` is the name of the first attack whose file fooled, `CLEAN` where none was needed, "" where none did;
    `fooled_by_float` says the same of pixels that need not be levels, which no one can send as this kind of file.
    """

    levels: np.ndarray  # (N, H, W, C), of the attack that fooled, else of the first one
    fooled_by: np.ndarray
    fooled_by_float: np.ndarray
    linf: np.ndarray
    nan: np.ndarray  # some logits were no finite numbers


def worst_case(
    model: PixelModel,
    ensemble: Ensemble,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    *,
    pixels_sha256: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int = 32,
    progress: Progress = ignore,
) -> Worst:
    """Attack images of one shape with one attack after the other.

    What is found for an image depends neither on its neighbours nor on the batch size, but for the last bits of the
    model's arithmetic. The arguments are those
    of `attack_levels`; progress counts each image once an attack.

    Raises:
        BadAttack: values or shapes do not fit.
        BadImage: levels that are no image, or that a PNG cannot hold.
    """
    n, attacks = len(levels), ensemble.attacks
    worst = Worst(
        levels=levels.copy(),
        fooled_by=np.full(n, "", dtype="<U16"),
        fooled_by_float=np.full(n, "", dtype="<U16"),
        linf=np.zeros(n, dtype=np.float32),
        nan=np.zeros(n, dtype=bool),
    )
    rows = np.arange(n)
    for k, attack in enumerate(attacks):
        found = _attacked(
            model,
            attack,
            levels[rows],
            bits,
            y[rows],
            None if pixels_sha256 is None else [pixels_sha256[row] for row in rows.tolist()],
            seed=seed,
            batch_size=batch_size,
            progress=_share_of(progress, k * n, len(attacks) * n, n),
        )
        _note(worst, rows, found, attack.NAME, first=k == 0)
        rows = rows[worst.fooled_by[rows] == ""]
        if not len(rows):
            break
    progress(len(attacks) * n, len(attacks) * n, "attacked")
    return worst


def joined(parts: Sequence[Worst]) -> dict[str, np.ndarray]:
    """The columns of several batches as one, without their levels, whose shapes may differ."""
    columns = [field.name for field in fields(Worst) if field.name != "levels"]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in columns}


def _attacked(
    model: PixelModel,
    attack: Attack,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    hashes: Sequence[str] | None,
    *,
    seed: int,
    batch_size: int,
    progress: Progress,
) -> LatticeResult:
    """One attack; and once more, up to the highest loss, on images that only rounding saved."""
    found = attack_levels(
        model, attack, levels, bits, y, pixels_sha256=hashes, seed=seed, batch_size=batch_size, progress=progress
    )
    lost = np.flatnonzero(found.success_float & ~found.success)
    if not len(lost) or not isinstance(attack, APGD | APGDT):
        return found
    again = attack_levels(
        model,
        replace(attack, stop_on_success=False),
        levels[lost],
        bits,
        y[lost],
        pixels_sha256=None if hashes is None else [hashes[row] for row in lost.tolist()],
        seed=seed,
        batch_size=batch_size,
        progress=lambda done, total, message: progress(len(levels), len(levels), f"{message}, past rounding"),
    )
    merged = {field.name: getattr(found, field.name).copy() for field in fields(found)}
    for name, column in merged.items():
        if column.dtype.kind == "U":
            column = merged[name] = column.astype("<U64")
        column[lost] = getattr(again, name)
    merged["success_float"][lost] = True
    return LatticeResult(**merged)


def _note(worst: Worst, rows: np.ndarray, found: LatticeResult, name: str, *, first: bool) -> None:
    wrong = found.status == "clean_wrong"
    won, won_float = found.success, found.success | found.success_float
    worst.fooled_by[rows[won]] = name
    worst.fooled_by_float[rows[won_float & (worst.fooled_by_float[rows] == "")]] = name
    worst.fooled_by[rows[wrong]] = worst.fooled_by_float[rows[wrong]] = CLEAN
    worst.nan[rows] |= ~np.isfinite(found.confidence_before) | ~np.isfinite(found.confidence_after)
    kept = won | first
    worst.levels[rows[kept]] = found.levels[kept]
    worst.linf[rows[kept]] = found.linf[kept]


def _share_of(progress: Progress, before: int, total: int, n: int) -> Callable[[int, int, str], None]:
    """Progress of one attack on fewer and fewer images, told as progress of all attacks on all."""

    def told(done: int, of: int, message: str) -> None:
        progress(before + done * n // of, total, message)

    return told
