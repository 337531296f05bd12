"""What the attacks do to a real classifier: success on the file, robust accuracy, what other files keep."""

from dataclasses import fields
from typing import Any

import numpy as np
import torch

from benchmarks.attack_subject import SEED, Rows, Subject
from datasets.head import head_mask
from datasets.image import to_unit, with_bits
from datasets.progress import Progress
from pipeline.attacks.attack import Attack
from pipeline.attacks.ensemble import Ensemble
from pipeline.attacks.ensemble_report import evaluate_robustness
from pipeline.attacks.outcome import LatticeResult
from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.attacks.survival import pooled, survival
from pipeline.evaluation import wilson_interval

LEVELS = (1, 2, 4, 8)
SIGN_ATTACKS = ("fgsm", "bim", "pgd", "mim", "apgd")
OTHER_ATTACKS = ("fgm_l2", "pgd_l2", "apgd_l2", "apgd_t", "square", "square_l2", "cw", "deepfool", "ddn")
# Costly attacks meet fewer images, and Square fewer queries; the page says n beside each figure.
FEWER = {"cw": 50, "ddn": 50, "square": 50, "square_l2": 50, "apgd_l2": 50}
QUICKER: dict[str, dict[str, object]] = {
    "square": {"eps": 8 / 255, "n_queries": 1000},
    "square_l2": {"n_queries": 1000},
    "apgd_t": {"eps": 8 / 255},
}
ROBUST_LEVELS = (4, 8)
ENSEMBLE_QUERIES = 1000
AUTOATTACK = ("apgd-ce", "apgd-t", "fab-t", "square")


def success(subject: Subject, progress: Progress) -> Rows:
    """Every attack with every radius, on the file in the size in which it came."""
    cells = [create(name, {"eps": k / 255}) for name in SIGN_ATTACKS for k in LEVELS]
    cells += [create(name, QUICKER.get(name, {})) for name in OTHER_ATTACKS]
    rows = []
    for done, attack in enumerate(cells):
        progress(done, len(cells), f"{attack.NAME} {_eps(attack)}")
        n = FEWER.get(attack.NAME)
        inputs = [attack.NAME, attack.params(), n]
        rows.append(subject.once("success", inputs, lambda attack=attack, n=n: succeeded(subject, attack, n)))
    for attack in (create("pgd", {"eps": 8 / 255}), create("cw")):
        n = FEWER.get(attack.NAME)
        inputs = [attack.NAME, attack.params(), n]
        rows.append(subject.once("head", inputs, lambda attack=attack, n=n: succeeded(subject, attack, n, head=True)))
    progress(len(cells), len(cells), "attacks")
    return rows


def robustness(subject: Subject, progress: Progress) -> Rows:
    """Robust accuracy by the ensemble."""
    rows = []
    for k in ROBUST_LEVELS:
        ensemble = Ensemble(eps=k / 255, n_queries=ENSEMBLE_QUERIES)

        def measured(ensemble: Ensemble = ensemble) -> dict[str, object]:
            return evaluate_robustness(
                subject.classifier,
                subject.dataset,
                ensemble,
                n_images=len(subject.indices),
                seed=SEED,
                progress=progress,
            ).to_json()

        rows.append(subject.once("robust", [k, ENSEMBLE_QUERIES], measured))
    return rows


def beyond_ours(subject: Subject, report: dict[str, Any]) -> dict[str, Any]:
    """What the authors' AutoAttack, with FAB as well, does to the scans that our ensemble left robust."""
    left = [image["index"] for image in report["images"] if image["fooled_by"] == ""]
    return subject.once("autoattack", [report["eps"], left], lambda: _autoattacked(subject, report["eps"], left))


def kept_by_files(subject: Subject, n: int, progress: Progress) -> dict[str, Rows]:
    """What PGD keeps in other kinds of file, attacked plainly and through JPEG, and on levels of 16 bits."""
    model = subject.model()

    def measured(eps: float, bits: int | None) -> Rows:
        attack = create("pgd", {"eps": eps})
        # Grey and RGB images become different kinds of files, so each is pooled alone.
        by_channels: dict[int, list[Any]] = {}
        for group in subject.groups(n):
            if bits is not None and group.levels.shape[3] > 1:
                continue  # No file of ours holds colours of more than 8 bits.
            levels = group.levels if bits is None else with_bits(group.levels, group.bits, bits)
            cells = survival(model, attack, levels, bits or group.bits, group.y, seed=SEED, progress=progress)
            by_channels.setdefault(group.levels.shape[3], []).append(cells)
        return [
            {"channels": channels, **cell.to_json()}
            for channels, reports in sorted(by_channels.items())
            for cell in pooled(reports)
        ]

    asked = {"pgd 4/255": (4, None), "pgd 8/255": (8, None), "pgd 4/255, on 16-bit levels": (4, 16)}
    return {
        name: subject.once("files", [name, n], lambda level=level, bits=bits: measured(level / 255, bits))
        for name, (level, bits) in asked.items()
    }


def _autoattacked(subject: Subject, eps: float, indices: list[int]) -> dict[str, Any]:
    # Here, since it comes with the development install alone.
    from pyautoattack import AutoAttack

    model, fooled = subject.model(), 0
    for i in indices:
        item = subject.dataset.items[i]
        x = torch.from_numpy(to_unit(subject.dataset.levels(i)[None], item.bits)).permute(0, 3, 1, 2)
        y = torch.tensor([item.label])
        with model.frozen():
            attack = AutoAttack(
                model, norm="Linf", eps=eps, version="custom", attacks=list(AUTOATTACK), seed=SEED, device="cpu"
            )
            # Its standard 9 targets are more than there are classes.
            attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = len(model.spec.classes) - 1
            attack.square.n_queries = ENSEMBLE_QUERIES
            found = attack.run_standard_evaluation(x, y, batch_size=1)
            x_adv = found[0] if isinstance(found, tuple) else found
            fooled += int((model(x_adv).argmax(1) != y).sum())
    return {"eps": eps, "n": len(indices), "n_fooled": fooled}


def succeeded(
    subject: Subject, attack: Attack, n: int | None = None, *, head: bool = False, kind: tuple[int, ...] | None = None
) -> dict[str, object]:
    """One attack on the first n of the scans, inside the head or anywhere, on those of one kind or on all."""
    model = subject.model()
    groups = [group for group in subject.groups(n) if kind in (None, group.kind)]
    parts = [
        attack_levels(
            model,
            attack,
            group.levels,
            group.bits,
            group.y,
            mask=np.stack([head_mask(one, group.bits).mask for one in group.levels]) if head else None,
            pixels_sha256=group.hashes,
            seed=SEED,
        )
        for group in groups
    ]
    # Groups differ in shape, and the levels are in no figure.
    names = [f.name for f in fields(LatticeResult) if f.name != "levels"]
    found = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    right, won = found["status"] != "clean_wrong", found["success"]
    n_right, n_won = int(right.sum()), int(won.sum())
    return {
        "attack": f"{attack.NAME}, inside the head" if head else attack.NAME,
        "eps": _eps(attack),
        # A fitted perturbation is as large as a scan, and comes out of the seed again.
        "params": {name: value for name, value in attack.params().items() if name != "delta"},
        "n": n_right,
        "n_success": n_won,
        "interval": wilson_interval(n_won, n_right) if n_right else None,
        "n_lost_by_rounding": int((found["success_float"] & ~won).sum()),
        "median_l2": float(np.median(found["l2"][won])) if n_won else None,
        "largest_linf": float(found["linf"][right].max()) if n_right else None,
        "mean_steps": float(found["steps"][right].mean()) if n_right else None,
        "examples": _examples([sha for group in groups for sha in group.hashes], found),
    }


def _examples(hashes: list[str], found: dict[str, np.ndarray]) -> Rows:
    """What became of each scan, as JSON values."""
    return [
        {
            "pixels_sha256": sha,
            "status": str(found["status"][i]),
            "reason": str(found["reason"][i]),
            "pred_before": int(found["pred_before"][i]),
            "pred_after": int(found["pred_after"][i]),
            "linf": round(float(found["linf"][i]), 6),
            "l2": round(float(found["l2"][i]), 6),
            "steps": int(found["steps"][i]),
        }
        for i, sha in enumerate(hashes)
    ]


def _eps(attack: Attack) -> str:
    if attack.radius == float("inf"):
        return "-"
    return f"{attack.radius * 255:g}/255" if str(attack.NORM) == "linf" else f"L2 {attack.radius:g}"
