"""Attacks on stored levels, judged on the file as it is written and decoded again."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from datasets.image import to_unit
from datasets.progress import Progress, ignore
from pipeline.attacks.asked import check_asked
from pipeline.attacks.attack import Attack, Tick
from pipeline.attacks.budget import FP32
from pipeline.attacks.losses import least_likely
from pipeline.attacks.outcome import Attempt, LatticeResult, joined, judged, right_before
from pipeline.attacks.problem import pose
from pipeline.attacks.repair import on_lattice
from pipeline.attacks.seeding import params_json, seed_for
from pipeline.attacks.through_jpeg import ThroughJpeg
from pipeline.attacks.written import FileForm
from pipeline.models.adapter import PixelModel

# Progress is told this often inside a batch, so that a long attack can be cancelled.
_TELL_EVERY_S = 0.5

Target = np.ndarray | Literal["least_likely"] | None


def attack_levels(
    model: PixelModel,
    attack: Attack,
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    *,
    target: Target = None,
    eps: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    pixels_sha256: Sequence[str] | None = None,
    file_format: str = "png",
    quality: int | None = None,
    through_file: bool = False,
    precision: str = FP32,
    seed: int = 0,
    batch_size: int = 32,
    progress: Progress = ignore,
) -> LatticeResult:
    """Attack images of one shape, of any size, grey or RGB, on the lattice of their file.

    Only images that the classifier has right are attacked. Success is what it says of the file, written and decoded.

    `levels` are (N, H, W, C), uint8 or uint16, of a depth of `bits`; `y` (N,) their true classes; `target` (N,) the
    classes to reach, or the class that the model believes in least. `eps` (N,) are radii in pixel fractions that take
    the place of the attack's own. `mask`, (H, W) or (N, H, W), is true where pixels may change.

    `file_format`, one of `datasets.encoding.FORMATS`, is what is written; a JPEG has a `quality`, and with
    `through_file` the attack sees what it loses. `precision` is that of its gradients, where it takes another than
    fp32. `pixels_sha256` is a hash an image, as its data set has it, made anew where absent: an image draws from its
    own generator, seeded from that and the `seed` of the run, so `batch_size` changes memory, speed and the last bits
    of the model's arithmetic alone. `progress` is told of images done, also inside a batch.

    Raises:
        BadAttack: values or shapes do not fit.
        BadImage: levels that are no image, or that such a file cannot hold.
    """
    form = FileForm(file_format=file_format, quality=quality)
    n_classes = len(model.spec.classes)
    check_asked(levels, bits, form, n_classes, precision, batch_size, y, target, eps, mask, pixels_sha256)
    seeds = _seeds(attack, pixels_sha256 or _hashes(levels, bits), seed)
    whole = _whole(levels, bits, y, target, eps, mask, seeds, precision)
    attacked = ThroughJpeg(model, form) if through_file and not form.lossless else model
    with model.frozen(channels_last=True):
        parts = []
        for start in range(0, len(levels), batch_size):
            tick = teller(progress, start, len(levels), attack.NAME)
            parts.append(_attack_batch(model, attacked, attack, whole.cut(start, start + batch_size), form, tick))
    progress(len(levels), len(levels), attack.NAME)
    return joined(parts)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Batch:
    levels: np.ndarray
    bits: int
    y: Tensor
    target: Tensor | None
    least_likely: bool
    eps: Tensor | None
    mask: Tensor | None  # (H, W) or (N, 1, H, W)
    seeds: Sequence[int]
    precision: str

    def cut(self, start: int, stop: int) -> "_Batch":
        """Some consecutive images of it."""
        rows = slice(start, stop)
        return _Batch(
            levels=self.levels[rows],
            bits=self.bits,
            y=self.y[rows],
            target=None if self.target is None else self.target[rows],
            least_likely=self.least_likely,
            eps=None if self.eps is None else self.eps[rows],
            mask=self.mask if self.mask is None or self.mask.ndim == 2 else self.mask[rows],
            seeds=self.seeds[rows],
            precision=self.precision,
        )


def _whole(
    levels: np.ndarray,
    bits: int,
    y: np.ndarray,
    target: Target,
    eps: np.ndarray | None,
    mask: np.ndarray | None,
    seeds: Sequence[int],
    precision: str,
) -> _Batch:
    return _Batch(
        levels=levels,
        bits=bits,
        y=torch.from_numpy(y.astype(np.int64)),
        target=torch.from_numpy(target.astype(np.int64)) if isinstance(target, np.ndarray) else None,
        least_likely=isinstance(target, str),
        eps=None if eps is None else torch.from_numpy(eps.astype(np.float32)),
        mask=None if mask is None else torch.from_numpy(mask if mask.ndim == 2 else mask[:, None]),
        seeds=seeds,
        precision=precision,
    )


def _attack_batch(
    model: PixelModel, attacked: PixelModel, attack: Attack, batch: _Batch, form: FileForm, tick: Tick
) -> LatticeResult:
    """Attack one model and judge by another, which is shown the decoded files."""
    # A lossless format gives back what went in; a JPEG may fool the classifier by itself, which is no attack.
    clean = batch.levels if form.lossless else form.as_read(batch.levels, batch.bits)
    before = _logits(model, clean, batch.bits)
    target = batch.target
    if batch.least_likely:
        # Where all logits are equal the least likely class may be the image's own; any other is as unlikely.
        target = least_likely(before)
        target = torch.where(target == batch.y, (target + 1) % before.shape[1], target)
    rows = right_before(before, batch.y).nonzero().squeeze(1)
    written, after, steps = batch.levels.copy(), before.clone(), torch.zeros_like(batch.y)
    reason = [""] * len(batch.y)
    if len(rows):
        changed, steps[rows], reasons = _attacked(attacked, attack, batch, target, rows, tick)
        read = form.as_read(changed, batch.bits)
        written[rows.numpy()] = read if form.lossless else changed
        after[rows] = _logits(model, read, batch.bits)
        for row, why in zip(rows.tolist(), reasons, strict=True):
            reason[row] = why
    return judged(
        Attempt(
            clean=batch.levels,
            written=written,
            bits=batch.bits,
            y=batch.y,
            target=target,
            before=before,
            after=after,
            steps=steps,
            reason=reason,
            lossless=form.lossless,
        )
    )


def _attacked(
    model: PixelModel, attack: Attack, batch: _Batch, target: Tensor | None, rows: Tensor, tick: Tick
) -> tuple[np.ndarray, Tensor, tuple[str, ...]]:
    """The levels of some images of the batch after the attack, with steps and reasons."""
    device = model.mean.device
    x = _pixels(batch.levels[rows.numpy()], batch.bits).to(device)
    y = batch.y[rows].to(device)
    goal = None if target is None else target[rows].to(device)
    eps = None if batch.eps is None else batch.eps[rows].to(device)
    mask = batch.mask if batch.mask is None or batch.mask.ndim == 2 else batch.mask[rows]
    seeds = [batch.seeds[row] for row in rows.tolist()]
    result = attack(model, x, y, target=goal, eps=eps, mask=mask, seeds=seeds, precision=batch.precision, tick=tick)
    problem = pose(attack, model, x, y, target=goal, eps=eps, mask=mask, n_seeds=len(seeds))
    changed = on_lattice(problem, attack, result.x_adv, result.success, (1 << batch.bits) - 1)
    stored = changed.cpu().permute(0, 2, 3, 1).numpy().astype(batch.levels.dtype)
    return stored, result.steps.cpu(), result.reason


def _seeds(attack: Attack, hashes: Sequence[str], seed: int) -> list[int]:
    return [seed_for(digest, attack.NAME, params_json(attack.params()), seed) for digest in hashes]


def _hashes(levels: np.ndarray, bits: int) -> list[str]:
    from datasets.duplicates import pixels_sha256  # Here, since it loads libraries that only an import needs.

    return [pixels_sha256(image, bits) for image in levels]


@torch.no_grad()
def _logits(model: PixelModel, levels: np.ndarray, bits: int) -> Tensor:
    pixels = _pixels(levels, bits).to(model.mean.device).contiguous(memory_format=torch.channels_last)
    logits: Tensor = model(pixels)
    return logits.float().cpu()


def _pixels(levels: np.ndarray, bits: int) -> Tensor:
    return torch.from_numpy(to_unit(levels, bits)).permute(0, 3, 1, 2)


def teller(progress: Progress, done: int, total: int, message: str) -> Tick:
    """A tick that passes on to progress now and at intervals."""
    progress(done, total, message)
    told = time.monotonic()

    def tick() -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY_S:
            told = time.monotonic()
            progress(done, total, message)

    return tick
