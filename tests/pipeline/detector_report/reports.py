"""Reports as they are kept, by hand: figures of one detector, without a network."""

from copy import deepcopy
from typing import Any


def share(value: float) -> dict[str, float]:
    return {"value": value, "low": value * 0.9, "high": min(1.0, value * 1.1)}


def cell(attack: str, level: float, *, handed_out: float = 0.1) -> dict[str, Any]:
    return {
        "attack": attack, "eps": level / 255, "n": 80, "n_failed": 15, "n_unchanged": 5, "n_clean_wrong": 3,
        "auroc": share(0.98), "found": share(0.9), "failed_flagged": share(0.5), "type_right": 0.5,
        "family_right": 0.75, "region": "image", "found_strict": share(0.6), "handed_out": share(handed_out),
        "found_loose": share(0.95), "failed_auroc": share(0.7),
        "named": {"fgsm": 30, "bim": 10, "pgd": 40, "mim": 0, "cw": 0},
    }  # fmt: skip


_EXAMPLE = {
    "kind": "usual", "row": 3, "item": 2, "largest": 4, "levels_sha256": "5e" * 32, "attack": "pgd", "eps": 4 / 255,
    "region": "image", "label": "glioma", "after": "notumor", "score": 5.5, "flagged": True, "called": "bim",
}  # fmt: skip
_STATIC: dict[str, Any] = {
    "detector_id": "d1", "adversarial_id": "a1", "split": "test", "alpha": 0.01, "n_calibration": 970,
    "band": [0.0043, 0.0162], "flagged_range": [0.0016, 0.0206], "n_clean": 200, "clean_alarms": share(0.008),
    "clean_alarms_by_class": {"glioma": share(0.0), "meningioma": share(0.031)}, "null_attack": 0.5,
    "cells": [cell("pgd", 4), cell("pgd", 8, handed_out=0.2), cell("fgsm", 4)],
    "controls": [{"name": "JPEG 75", "n": 200, "flagged": share(0.02), "auroc_attacked": None}],
    "confusion": {"pgd": {"fgsm": 60, "bim": 20, "pgd": 80, "mim": 0, "cw": 0}},
    "strict": {"alpha": 0.001, "rate": 0.00103, "supported": False, "n_needed": 3000, "band": [0.00003, 0.0038]},
    "coverage": {"n": 200, "accepted": share(0.99), "right_accepted": share(0.95), "right": share(0.94)},
    "handed_out": {"n": 300, "undefended": share(0.8), "accepted": share(0.133)},
    "beside": {
        "equal_norm": [{"noise": "sign", "level": 4, "n_attacked": 160, "n_noise": 200, "auroc": share(0.97),
                        "by_attack": {"pgd": 0.96}, "flagged": share(0.03)}],
        "paired": [], "background": [], "background_clean": share(0.01), "reencoded": [], "survivors": [],
        "shortcuts": [{"feature": "off-grid share", "against": "clean", "level": 4.0, "n": 160, "n_other": 200,
                       "auroc": share(0.61)}],
    },
    "drawn": {
        "tau": 3.7, "strict_tau": 4.5, "smallest_rate": 0.005,
        "roc": [{"level": 4.0, "n": 160, "points": [[0.005, 0.7], [0.01, 0.85], [1.0, 1.0]]},
                {"level": None, "n": 20, "points": [[0.005, 0.2], [1.0, 1.0]]}],
        "histogram": {"edges": [0.0, 2.0, 4.0, 6.0], "counts": {"clean": [150, 48, 2], "attacked": [0, 20, 140]}},
        "examples": [_EXAMPLE],
    },
    "sources": {
        "classifier_id": "c1", "classifier_sha256": "c5" * 32, "detector_id": "d1", "detector_sha256": "d5" * 32,
        "dataset_id": "s1", "dataset_name": "scans", "dataset_sha256": "55" * 32, "adversarial_id": "a1",
        "adversarial_sha256": "a5" * 32, "attacked_classifier_id": "c1",
    },
}  # fmt: skip


def static(**changed: Any) -> dict[str, Any]:
    """A report of now."""
    return {**deepcopy(_STATIC), **changed}


def older() -> dict[str, Any]:
    """A report as it was before controls stood beside the headline."""
    found = static()
    for name in ("drawn", "sources", "beside", "strict", "coverage", "handed_out", "flagged_range"):
        del found[name]
    for one in found["cells"]:
        for name in ("region", "found_strict", "handed_out", "named", "n_unchanged", "found_loose", "failed_auroc"):
            del one[name]
    return found


def adaptive(*, n: int = 14, alpha: float = 0.01, best: float = 0.9) -> dict[str, Any]:
    """A report of attackers who know the detector."""
    row = {"level": 4, "n": n, "undefended": share(0.95), "unaware": share(0.0), "best": share(best)}
    tried = {"attack": "joint_pgd", "level": 4, "n": n, "n_tried": n, "passed": share(best), "wrong": share(0.95),
             "median_steps": 12, "late_rise": None, "curves": {}}  # fmt: skip
    return {
        "detector_id": "d1", "classifier_id": "c1", "surrogate_id": None, "split": "test", "alpha": alpha, "tau": 3.7,
        "n_scans": n + 2, "n_right": n, "n_right_accepted": n, "plan": {}, "rows": [row], "cells": [tried],
        "price": {"grid": [2, 4], "classifier": [2.0] * n, "gate": [4.0] * n, "said": "2 times"},
        "left_out": {"surrogate_transfer": "since no second detector was given"},
    }  # fmt: skip


def comparison() -> dict[str, Any]:
    """Two ways of detecting beside each other."""

    def method(name: str, found: float) -> dict[str, Any]:
        cells = [{"attack": "pgd", "eps": 4 / 255, "n": 40, "auroc": share(found), "found": share(found)}]
        controls = [{"name": "jpeg 75", "n": 30, "flagged": share(0.04), "auroc_attacked": None}]
        return {"name": name, "source": "somebody 2020", "ms": 4.0, "clean_alarms": share(0.01), "cells": cells,
                "controls": controls}  # fmt: skip

    return {
        "detector_ids": ["d1", "d2"], "adversarial_id": "a1", "classifier_id": "c1", "split": "test", "alpha": 0.01,
        "learned_from": {"clean": 300, "attacked": 210}, "n_calibration": 300, "flagged_range": [0.0, 0.03],
        "n_clean": 300, "size": [224, 224], "classifier_ms": 2.0, "shown_ms": 2.5,
        "methods": [method("squeezing disagreement", 0.25), method("fused", 0.875)],
    }  # fmt: skip
