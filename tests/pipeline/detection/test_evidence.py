"""What is held out, and how an epoch is judged by it."""

import numpy as np
import pytest
import torch

from datasets.progress import ignore
from detector.mahalanobis import fit_mahalanobis
from pipeline.detection import evidence as evidence_module
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.division import divide
from pipeline.detection.evidence import HeldOut, clean_scans, features_and_logits, hold_out
from pipeline.detection.histories import History
from pipeline.models.files import load_model


def held_out_of(chain):
    rows, dataset, model = chain.adversarial_set.rows(), chain.dataset, load_model(chain.classifier)
    fit, held = divide(dataset, rows, held_out=0.3, seed=0)
    features, _ = features_and_logits(
        model, clean_scans(dataset, fit.clean), n=len(fit.clean), what="", progress=ignore
    )
    distance = fit_mahalanobis(features, torch.from_numpy(dataset.labels[fit.clean]))
    with model.frozen():
        return held, hold_out(model, distance, dataset, rows, held, seed=0, progress=ignore)


def judged(clean, harmless, attacked):
    """Judged as if the margin of the logits were all the evidence there is; lower is more suspicious."""
    score = torch.tensor([*clean, *harmless, *attacked]).repeat(2)
    kind = torch.tensor([0] * len(clean) + [1] * len(harmless) + [2] * len(attacked)).repeat(2)
    held = HeldOut(
        scans=[],
        is_adv=kind == 2,
        is_clean=kind == 0,
        fold=torch.arange(len(score)) // (len(score) // 2),
        distance=torch.zeros(len(score)),
        logits=torch.zeros(len(score), 2),
    )
    return held.judge(torch.stack([score, torch.zeros(len(score)), torch.zeros(len(score))], 1))


def test_every_attack_is_held_out_as_made_and_again_beside_a_clean_scan_of_its_history(tiny_chain, monkeypatch):
    monkeypatch.setattr(evidence_module, "draw_history", lambda *_: History(after=lambda levels, bits, rng: levels | 1))
    monkeypatch.setattr(evidence_module, "MAX_PASSED_ON", 5)
    held, found = held_out_of(tiny_chain)
    n_clean, n_attacked = len(held.clean), int(found.is_adv.sum()) - 5
    assert int(found.is_clean.sum()) == n_clean
    assert n_attacked == len(held.attacked)
    harmless = int((~found.is_adv & ~found.is_clean).sum())
    assert harmless == min(n_clean, evidence_module.MAX_CONTROLLED) * len(STANDARD_CONTROLS) + 5
    levels = [levels for levels, _ in found.scans]
    assert len(levels) == len(found.is_adv) == len(found.fold)
    clean, attacked = levels[n_clean + harmless - 5 : n_clean + harmless], levels[-5:]
    for before, after in zip(clean, attacked, strict=True):
        assert (before % 2 == 1).all()
        assert (after % 2 == 1).all()
        assert not np.array_equal(before, after)
        assert np.abs(after.astype(int) - before).max() <= 17


def test_what_is_made_of_one_scan_lies_in_one_fold(tiny_chain, monkeypatch):
    faint = {name: STANDARD_CONTROLS[name] for name in ("sign noise 1/255", "JPEG 95")}
    monkeypatch.setattr(evidence_module, "STANDARD_CONTROLS", faint)
    monkeypatch.setattr(evidence_module, "draw_history", lambda *_: History())
    held, found = held_out_of(tiny_chain)
    originals = np.stack([levels for levels, _ in clean_scans(tiny_chain.dataset, held.clean)]).astype(np.float32)
    for (levels, _), fold in zip(found.scans, found.fold.tolist(), strict=True):
        # None of these changes takes a scan as far as the next one.
        nearest = np.abs(originals - levels).mean((1, 2, 3)).argmin()
        assert fold == tiny_chain.dataset.groups[held.clean[nearest]] % 2


def test_area_is_one_where_every_attack_stands_above_and_zero_where_all_stand_below():
    clean = [float(k) for k in range(20)]
    assert judged(clean, [3.5, 4.5], [30.0, 31.0]).area == 1
    assert judged(clean, [40.0, 41.0], [30.0, 31.0]).area == 0


def test_area_counts_the_most_suspicious_twentieth_of_clean_and_harmless_scans():
    clean = [float(k) for k in range(39)]
    half = judged(clean, [50.0], [45.0, 60.0])  # 4 of the 80: 50 twice, and 38 twice.
    assert half.area == pytest.approx(0.75)
    assert half.found == 1
    assert half.flagged_harmless == 1
