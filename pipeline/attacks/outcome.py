"""What became of attacked images, as columns beside their levels."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from torch import Tensor

from pipeline.attacks.result import FIXED, MASKED

NO_TARGET = -1
CLEAN_WRONG = "classified wrong before the attack"
BELOW_HALF_A_LEVEL = "no whole level is left of the change within the radius"
LOST_BY_ROUNDING = "fooled only before rounding to levels"
LOST_BY_JPEG = "fooled only before it was written as JPEG"


@dataclass(frozen=True, eq=False, kw_only=True)
class LatticeResult:
    """What became of each image; columns of length N beside the levels.

    `status` is success, failed, unchanged or clean_wrong; `reason` says why where it is not success.
    `levels` are what the file was written from, and what a lossless one decodes to. Norms are of the change in them:
    `linf` and `l2` with pixels in [0, 1], `l0` counts changed levels.
    """

    levels: np.ndarray  # (N, H, W, C), of the type that came in
    success: np.ndarray
    success_float: np.ndarray  # before it was rounded and written
    status: np.ndarray
    reason: np.ndarray
    target: np.ndarray  # NO_TARGET where any wrong class would do
    pred_before: np.ndarray
    pred_after: np.ndarray
    confidence_before: np.ndarray
    confidence_after: np.ndarray
    linf: np.ndarray
    l2: np.ndarray
    l0: np.ndarray
    steps: np.ndarray


@dataclass(frozen=True, eq=False, kw_only=True)
class Attempt:
    """One batch before and after, as it was seen."""

    clean: np.ndarray  # (N, H, W, C)
    written: np.ndarray  # (N, H, W, C)
    bits: int
    y: Tensor
    target: Tensor | None
    before: Tensor  # (N, K) logits of the clean file, decoded
    after: Tensor  # (N, K) logits of the written file, decoded
    steps: Tensor
    reason: Sequence[str]  # the attack's own, "" where it thought to have won
    lossless: bool = True


def right_before(logits: Tensor, y: Tensor) -> Tensor:
    """Which images are worth an attack: the classifier has them right, in finite numbers."""
    return (logits.argmax(1) == y) & logits.isfinite().all(1)


def judged(attempt: Attempt) -> LatticeResult:
    """The outcome of a batch: a success is one that the classifier confirms on the written file."""
    change = (attempt.written.astype(np.float64) - attempt.clean).reshape(len(attempt.clean), -1)
    top = (1 << attempt.bits) - 1
    attacked = right_before(attempt.before, attempt.y)
    pred = attempt.after.argmax(1)
    reached = pred != attempt.y if attempt.target is None else pred == attempt.target
    success = (reached & attempt.after.isfinite().all(1) & attacked).numpy()
    unchanged = ~change.any(axis=1)
    status = np.select([~attacked.numpy(), success, unchanged], ["clean_wrong", "success", "unchanged"], "failed")
    lost = LOST_BY_ROUNDING if attempt.lossless else LOST_BY_JPEG
    return LatticeResult(
        levels=attempt.written,
        success=success,
        success_float=attacked.numpy() & np.array([not told for told in attempt.reason]),
        status=status,
        reason=np.array(
            [_reason(how, told, lost) for how, told in zip(status, attempt.reason, strict=True)], dtype=str
        ),
        target=np.full(len(status), NO_TARGET) if attempt.target is None else attempt.target.numpy(),
        pred_before=attempt.before.argmax(1).numpy(),
        pred_after=pred.numpy(),
        confidence_before=attempt.before.softmax(1).amax(1).numpy(),
        confidence_after=attempt.after.softmax(1).amax(1).numpy(),
        linf=(np.abs(change).max(axis=1) / top).astype(np.float32),
        l2=(np.linalg.norm(change, axis=1) / top).astype(np.float32),
        l0=np.count_nonzero(change, axis=1).astype(np.float32),
        steps=attempt.steps.numpy(),
    )


def joined(parts: Sequence[LatticeResult]) -> LatticeResult:
    """The outcomes of several batches as one."""
    columns = [field.name for field in fields(LatticeResult)]
    return LatticeResult(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in columns})


def _reason(status: str, told: str, lost: str) -> str:
    if status == "success":
        return ""
    if status == "clean_wrong":
        return CLEAN_WRONG
    if status == "unchanged" and told not in (MASKED, FIXED):
        return BELOW_HALF_A_LEVEL
    return told or lost
