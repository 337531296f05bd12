"""What each stretch costs of training a detector and of judging one, next to the others."""

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.jobs.course import ELSE

LEARNING = {
    "features of clean scans": 1.0,
    "features of held-out scans": 2.0,
    ELSE: 60.0,
    "marks of attacks": 2.0,
    "marks of attacks, held out": 1.0,
    "weighing the evidence": 3.0,
    "calibrating on clean scans": 2.0,
}
"""By how the words begin; all others are of the epochs. Rough shares, guessed from what small scans took."""

JUDGING = {ELSE: 1.0}
_ALWAYS, _EACH_ATTACK = 60, 10
"""Sets of scans that are scored whatever there is (clean, noise, other files, beside other ways of detecting), and for
each attack and radius (as it is, zeroed, shuffled, in other files)."""


def n_sets(counts: Iterable[Mapping[str, Any]]) -> int:
    """About how many sets of scans are scored to judge a detector, each from nothing to all, by what a set attacks."""
    return _ALWAYS + _EACH_ATTACK * sum(1 for count in counts if count["attacked"])
