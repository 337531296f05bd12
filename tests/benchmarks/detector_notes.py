"""Notes of a detector by hand, as the stages of its report keep them."""

import numpy as np

from benchmarks.detector_plan import LEVELS
from detector.named import UNKNOWN
from detector.types import TYPES
from pipeline.detection.controls import REPORTED_CONTROLS

N = 40
SIGN = ("fgsm", "bim", "pgd", "mim")


def interval(value):
    return {"value": value, "low": value, "high": value}


def scored(scores):
    return {"scores": list(map(float, scores)), "groups": list(range(len(scores)))}


def cell(attack, level, scores, *, region="image"):
    return {"attack": attack, "level": level, "region": region, **scored(scores)}


def eps_of(level):
    """As a file of single precision gives it back."""
    return float(np.float32((level or 0) / 255))


def on_all(value=3.0, *, names=(*SIGN, "cw"), levels=LEVELS, n=10, region="image"):
    """Every attack at every radius, `n` times with success, the score of all of them."""
    return [
        cell(name, level, [value] * n, region=region)
        for name in names
        for level in (levels if name != "cw" else (None,))
    ]


def note(stage, cells, *, seed=0, what="static", supported=False, released=None, **report):
    """A detector whose clean scans score 0 to 1, whose alarms begin above 1, and whose controls score 0.5."""
    return {
        "stage": stage,
        "seed": seed,
        "what": what,
        "sources": "now",
        "raw": {
            "tau": 1.0,
            "strict_tau": 1.5,
            "clean": scored(np.linspace(0, 1, N)),
            "cells": cells,
            "controls": {name: scored([0.5] * N) for name in REPORTED_CONTROLS},
        },
        "report": {
            "detector_id": f"detector{seed}",
            "alpha": 0.01,
            "n_calibration": 970,
            "n_clean": N,
            "null_attack": 0.5,
            "strict": {"supported": supported, "n_needed": 3000, "rate": 0.001},
            "clean_alarms": interval(0.0),
            "flagged_range": [0.0, 0.02],
            "coverage": {"n": N, "accepted": interval(1.0)},
            "handed_out": {"n": 100, "undefended": interval(0.5), "accepted": interval(0.0)},
            "cells": [row for one in cells if (row := attacked(one)) is not None],
            "confusion": {name: {**dict.fromkeys((*TYPES[1:], UNKNOWN), 0), name: 10} for name in TYPES[1:]},
            "beside": {**beside(cells), "operating": [released] if released else []},
            **report,
        },
    }


def attacked(one):
    """The row of a cell in the report: every attack called what it is, as many failed, and a tenth of these flagged."""
    named = dict.fromkeys((*TYPES[1:], UNKNOWN), 0)
    if one["attack"] not in named:
        return None
    named[one["attack"]] = len(one["scores"])
    return {
        "attack": one["attack"],
        "eps": eps_of(one["level"]),
        "region": one["region"],
        "n": len(one["scores"]),
        "n_failed": 10,
        "n_unchanged": 1,
        "n_clean_wrong": 2,
        "failed_flagged": interval(0.1),
        "named": named,
    }


def beside(cells):
    """Backgrounds that change nothing, and files that half of the attacks still fool, six of ten of these found."""
    every = [{key: one[key] for key in ("attack", "region")} | {"eps": eps_of(one["level"])} for one in cells]
    counts = [len(one["scores"]) for one in cells]
    return {
        "paired": [
            {"what": what, **of, "n": n, "auroc": interval(0.7), "flagged": interval(0.9), "fooled": interval(0.1)}
            for what in ("scattered", "shuffled")
            for of, n in zip(every, counts, strict=True)
        ],
        "background": [
            {**of, "n": n, "n_clean": N, "auroc": interval(1.0 if n else None), "auroc_before": interval(1.0)}
            | {"found": interval(1.0)}
            for of, n in zip(every, counts, strict=True)
        ],
        "background_clean": interval(0.025),
        "reencoded": [{"file_format": "png", "n": N, "auroc": interval(0.5), "flagged": interval(0.0)}],
        "survivors": [
            survivor(change, of["attack"], of["eps"], n, (n + 1) // 2, (n + 1) // 2)
            for change in ("JPEG 90", "JPEG 75")
            for of, n in zip(every, counts, strict=True)
        ],
        "shortcuts": [],
    }


def survivor(change, attack, eps, n, fooling, flagged):
    """Of n attacks so many still fool after a change, and of these so many are flagged."""
    return {
        "change": change,
        "attack": attack,
        "eps": eps,
        "region": "image",
        "n": n,
        "fooling": interval(fooling / n if n else None),
        "flagged_fooling": interval(flagged / fooling if fooling else None),
        "flagged": interval(0.5 if n else None),
    }


def by_name(goals):
    goals = list(goals)
    assert len({goal.what for goal in goals}) == len(goals)
    return {goal.what: goal for goal in goals}
