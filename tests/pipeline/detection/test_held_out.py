"""What is held out, and how an epoch is judged by it."""

from itertools import chain

import numpy as np
import pytest
import torch

from datasets.progress import ignore
from detector.mahalanobis import fit_mahalanobis
from pipeline.detection import held_out as held_out_module
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.division import divide
from pipeline.detection.evidence import clean_scans, features_and_logits
from pipeline.detection.held_out import ATTACKED, CLEAN, HeldOut, hold_out
from pipeline.detection.histories import History
from pipeline.models.files import load_model


def held_out_of(made):
    rows, dataset, model = made.adversarial_set.rows(), made.dataset, load_model(made.classifier)
    fit, held = divide(dataset, rows, held_out=0.3, seed=0)
    features, _ = features_and_logits(
        model, clean_scans(dataset, fit.clean), n=len(fit.clean), what="", progress=ignore
    )
    distance = fit_mahalanobis(features, torch.from_numpy(dataset.labels[fit.clean]))
    with model.frozen():
        return held, hold_out(model, distance, dataset, rows, held, seed=0, progress=ignore)


def judged(clean, harmless, attacked):
    """Judged as if the margin of the logits were all the evidence there is; lower is more suspicious."""
    score = torch.tensor([*clean, *chain(*harmless), *attacked]).repeat(2)
    changed = [k for k, some in enumerate(harmless, CLEAN + 1) for _ in some]
    kind = torch.tensor([CLEAN] * len(clean) + changed + [ATTACKED] * len(attacked)).repeat(2)
    held = HeldOut(
        scans=[],
        kind=kind,
        fold=torch.arange(len(score)) // (len(score) // 2),
        distance=torch.zeros(len(score)),
        logits=torch.zeros(len(score), 2),
    )
    return held.judge(torch.stack([score, torch.zeros(len(score)), torch.zeros(len(score))], 1))


def test_every_attack_is_held_out_as_made_and_again_beside_a_clean_scan_of_its_history(tiny_chain, monkeypatch):
    monkeypatch.setattr(held_out_module, "draw_history", lambda *_: History(after=lambda levels, bits, rng: levels | 1))
    monkeypatch.setattr(held_out_module, "MAX_PASSED_ON", 5)
    held, found = held_out_of(tiny_chain)
    n_clean, n_attacked = len(held.clean), int(found.is_adv.sum()) - 5
    assert int(found.is_clean.sum()) == n_clean
    assert n_attacked == len(held.attacked)
    harmless = int((~found.is_adv & ~found.is_clean).sum())
    assert harmless == min(n_clean, held_out_module.MAX_CONTROLLED) * len(STANDARD_CONTROLS) + 5
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
    monkeypatch.setattr(held_out_module, "STANDARD_CONTROLS", faint)
    same = History(after=lambda levels, *_: levels)
    monkeypatch.setattr(held_out_module, "draw_history", lambda *_: same)
    held, found = held_out_of(tiny_chain)
    originals = np.stack([levels for levels, _ in clean_scans(tiny_chain.dataset, held.clean)]).astype(np.float32)
    for (levels, _), fold in zip(found.scans, found.fold.tolist(), strict=True):
        # None of these changes takes a scan as far as the next one.
        nearest = np.abs(originals - levels).mean((1, 2, 3)).argmin()
        assert fold == tiny_chain.dataset.groups[held.clean[nearest]] % 2


CLEAN_SCORES = [float(k) for k in range(20)]


def test_area_is_one_where_every_attack_stands_above_and_zero_where_all_stand_below():
    assert judged(CLEAN_SCORES, [[3.5, 4.5]], [30.0, 31.0]).area == 1
    assert judged([*CLEAN_SCORES, 50.0], [[40.0, 41.0]], [30.0, 31.0]).area == 0


def test_area_counts_the_most_suspicious_twentieth():
    clean = [float(k) for k in range(39)]
    half = judged(clean, [[50.0]], [37.5, 60.0])  # Clean: 38 and 37, twice; changed: 50.
    assert half.area == pytest.approx((0.75 + 0.5) / 2)
    assert half.found == 1
    assert half.flagged_harmless == 1


def test_a_loud_change_counts_once_and_does_not_drown_what_is_lost_before_the_others():
    loud = [[33.0] * 20, [1.0] * 20]
    kept, lost = judged(CLEAN_SCORES, loud, [30.0, 31.0, 32.0]), judged(CLEAN_SCORES, loud, [30.0, 31.0, 2.0])
    assert kept.area == pytest.approx(2 / 3)
    assert lost.area == pytest.approx((2 / 3 + 1) / 3)


def test_every_kind_of_change_is_a_kind_of_its_own(tiny_chain):
    held, found = held_out_of(tiny_chain)
    kinds, counts = found.kind.unique(return_counts=True)
    assert kinds.tolist() == list(range(ATTACKED, len(STANDARD_CONTROLS) + 2))
    assert counts[1] == len(held.clean)
