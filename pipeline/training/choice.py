"""Which epoch of a training is kept, and how a hardening shows that it has collapsed."""

import math
from collections.abc import Sequence

from pipeline.training.checkpoint import EpochResult
from pipeline.training.settings import TrainingSettings


def is_best(history: Sequence[EpochResult], best_epoch: int, settings: TrainingSettings, *, chance: float) -> bool:
    """Whether the last epoch is better than the best before it.

    Without validation images every epoch is. A plain training goes by validation loss, a hardened one by robust
    validation accuracy, and by validation loss among equals; while its radius still rises, every epoch is better than
    the one before it, since what it resists says little yet.
    """
    now, best = history[-1], history[best_epoch]
    if len(history) == 1 or now.val_loss is None or best.val_loss is None:
        return True
    if settings.hardening is None:
        return now.val_loss < best.val_loss
    if not math.isfinite(now.val_loss) or has_collapsed(history, settings, chance=chance):
        return False
    if best.epoch < settings.hardening.rising_epochs(settings.epochs):
        return True
    return (_judged(now), -now.val_loss) > (_judged(best), -best.val_loss)


def has_collapsed(history: Sequence[EpochResult], settings: TrainingSettings, *, chance: float) -> bool:
    """Whether the last epoch fell to catastrophic overfitting: it resists what it learns from, and nothing else.

    Wong et al. 2020 (arXiv:2001.03994) and Andriushchenko and Flammarion 2020 (arXiv:2007.02617): accuracy under PGD
    falls by more than half in one epoch, while that under the attack of the training rises or stays. It is looked for
    in the weights as they stand, since their running mean forgets its robust past over several epochs. Not looked
    for while the radius rises, nor in a fall from what a constant answer reaches: `chance`.
    """
    if settings.hardening is None or len(history) < 2:
        return False
    before, now = history[-2:]
    if now.epoch < settings.hardening.rising_epochs(settings.epochs):
        return False
    was, left = _watched(before), _watched(now)
    return was > chance and left < was / 2 and now.accuracy >= before.accuracy


def _judged(result: EpochResult) -> float:
    return 0.0 if result.robust_accuracy is None else result.robust_accuracy


def _watched(result: EpochResult) -> float:
    return 0.0 if result.robust_accuracy_now is None else result.robust_accuracy_now
