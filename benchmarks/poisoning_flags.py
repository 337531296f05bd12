"""Whom every finder flags, counted against the truth."""

from typing import Any

import numpy as np

from benchmarks.poisoning_peers import art_flags
from detector.poisoned.registry import FINDERS
from pipeline.poisoning.evidence import Gathered
from pipeline.poisoning.success import Share


def flags_of(gathered: Gathered, share: float) -> dict[str, np.ndarray]:
    """Whom every finder of ours and of ART flags, (n,) bool; one of ART's is told the `share` of the target class."""
    evidence = gathered.evidence
    ours = {finder.NAME: finder().find(evidence).flagged for finder in FINDERS}
    features = evidence.features
    if features is None:
        return ours
    return ours | art_flags(features, evidence.labels, evidence.n_classes, share)


def counted(flags: np.ndarray, bad: np.ndarray) -> dict[str, Any]:
    """Poisoned samples found and others flagged, of the flags (n,) bool and the truth (n,) bool."""
    hits, alarms = int(flags[bad].sum()), int(flags[~bad].sum())
    return {
        "found": Share(hits, int(bad.sum())).to_json(),
        "false": Share(alarms, int((~bad).sum())).to_json(),
        "f1": 2 * hits / (2 * hits + alarms + int(bad.sum()) - hits),
    }
