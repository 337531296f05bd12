"""What the notes of a hardened classifier say of its robustness."""

from pipeline.attacks.pgd import PGD
from pipeline.training.loop import Training
from pipeline.training.robustness import STEPS


def robustness_notes(training: Training) -> dict[str, object]:
    """Robust validation accuracy of the epoch that is kept, and why the training stopped where it collapsed.

    Empty for a training without hardening.
    """
    how = training.settings.hardening
    if how is None or training.robust_slice is None:
        return {}
    notes: dict[str, object] = {
        "attack": PGD.NAME,
        "steps": STEPS,
        "eps": how.eps,
        "n": len(training.robust_slice),
        "accuracy": training.history[training.best_epoch].robust_accuracy,
    }
    if training.collapsed:
        notes["collapsed"] = _collapse(training)
    return {"robustness": notes}


def _collapse(training: Training) -> str:
    before, now = training.history[-2:]
    return (
        f"catastrophic overfitting in epoch {now.epoch + 1}: under PGD, accuracy fell from"
        f" {before.robust_accuracy_now:.3f} to {now.robust_accuracy_now:.3f} while that on the training images went"
        f" from {before.accuracy:.3f} to {now.accuracy:.3f}; stopped, and the weights of epoch"
        f" {training.best_epoch + 1} kept"
    )
