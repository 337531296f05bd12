import json
from dataclasses import asdict

import pytest

from benchmarks.poisoning_goals import _lost, poisoning_goals
from benchmarks.poisoning_peers import AC, SS, SS_TOLD, art_flags
from benchmarks.poisoning_plan import (
    CLEAN_5,
    CONTROL,
    DIGITS,
    DIRTY_1,
    DIRTY_5,
    RATIOS,
    SCANS,
    SEEDS,
    TAMPERED,
    TIMED,
    UNPOISONED,
    UNPOISONED_FEW,
    Plan,
    flips,
)
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.proxy import proxy_training
from pipeline.poisoning.quick import quick_hardening, quick_settings
from tests.pipeline.poisoning.pictures import pictures


def share(value, n=1000):
    return {"value": value, "low": value, "high": value, "n_hit": round(value * n), "n": n}


def counted(found, false, f1=0.95):
    return {"found": share(found), "false": share(false), "f1": f1}


def backdoor(what, seed, *, data="digits", success=1.0, accuracy=0.99, found=1.0, false=0.0, repaired=0.0):
    return {
        "data": data,
        "what": what,
        "seed": seed,
        "backdoor": {"success": share(success), "accuracy": share(accuracy)},
        "clean_model": {"success": share(0.001), "accuracy": share(0.99)},
        "finders": {
            "fused": counted(found, false),
            AC: counted(0.9, 0.4),
            SS: counted(1, 0.5),
            SS_TOLD: counted(0.9, 0.1),
        },
        "repaired": {"success": share(repaired), "accuracy": share(accuracy)},
        "strip": {
            by: {"found": share(0.99), "false_rejects": share(0.008), "ms_an_image": 12.0} for by in ("parts", "sums")
        },
    }


def flipped(ratio, seed, *, data="digits", f1=0.95, alone=0.96, recall=0.985):
    return {
        "data": data,
        "what": flips(ratio),
        "seed": seed,
        "accuracy": 0.98,
        "recall": 0.7,
        "clean_accuracy": 0.99,
        "clean_recall": 0.99,
        "finders": {"fused": counted(0.95, 0.001, f1), "confident labels": counted(0.95, 0.001, alone)},
        "repaired": {"accuracy": 0.99, "recall": recall},
    }


def rows(seeds=SEEDS, **changed):
    for seed in seeds:
        for data in (DIGITS.data, SCANS.data):
            strip = {by: {"false_rejects": share(0.008)} for by in ("parts", "sums")}
            yield {"data": data, "what": UNPOISONED, "seed": seed, "finders": {"fused": share(0.005)}, "strip": strip}
            yield {"data": data, "what": UNPOISONED_FEW, "seed": seed, "finders": {"fused": share(0.005)}}
        for what in (DIRTY_5, DIRTY_1, CLEAN_5, CONTROL):
            yield backdoor(what, seed, **changed)
        yield backdoor(DIRTY_5, seed, data=SCANS.data, **changed)
        for ratio in RATIOS:
            yield flipped(ratio, seed)
        yield flipped(0.2, seed, data=SCANS.data)
    yield timed()
    yield tampered()


def tampered(found=1000, alarms=0, seconds=4.0):
    speed = {"seconds": seconds, "items": 60_000, "met": seconds <= 10}
    untouched = {"n": 1000, "false_alarms": alarms}
    return {"data": "digits", "what": TAMPERED, "n": 1000, "found": found, "untouched": untouched, "speed": speed}


def timed(seconds=100.0, silence=1.0):
    told = {"images": 10_000, "threads": 2, "seconds": seconds, "longest_silence_s": silence, "recall_poisoned": 0.9}
    return {"data": "digits", "what": TIMED, "seed": 0, **told}


def unmet(some):
    return [goal.what for goal in poisoning_goals(list(some)) if not goal.met]


def test_all_goals_are_met_where_everything_is_as_promised():
    goals = list(poisoning_goals(list(rows())))
    assert [goal.what for goal in goals if not goal.met] == []
    assert len({goal.what for goal in goals}) == len(goals) > 25
    assert json.loads(json.dumps([asdict(goal) for goal in goals]))


def test_nothing_is_met_of_nothing():
    goals = list(poisoning_goals([]))
    assert not any(goal.met for goal in goals)
    assert all(goal.value == "not measured" for goal in goals)


def test_a_goal_is_not_met_while_a_seed_was_not_run():
    goals = list(poisoning_goals(list(rows(seeds=(0, 2)))))
    once = [goal for goal in goals if "side-by-side" in goal.what or "tampering" in goal.what]
    assert len(once) == 5
    assert all(goal.met == (goal in once) for goal in goals)
    assert all(goal.value.endswith("not measured: seed 1") for goal in goals if goal not in once)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"success": 0.98}, "dirty-label 2x2, 5 %: trigger brings the target"),
        ({"accuracy": 0.985}, "dirty-label 2x2, 5 %: clean accuracy under the clean model's"),
        ({"accuracy": 0.96}, "clean-label 5 %, perturbed: clean accuracy over the clean model's"),
        ({"found": 0.94}, "dirty-label 1 %: poisoned images found"),
        ({"false": 0.011}, "clean-label 5 %: other images flagged"),
        ({"found": 0.8}, "dirty-label 5 %: found less falsely flagged, over the best of ART's three"),
        ({"repaired": 0.03}, "dirty-label 5 %, repaired: trigger brings the target"),
        ({"success": 0.98}, "brain MRI, dirty-label 3x3, 5 %: trigger brings the target"),
        ({"repaired": 0.03}, "brain MRI, dirty-label 5 %, repaired: trigger brings the target"),
    ],
)
def test_each_goal_fails_by_its_own_figure(changed, words):
    assert words in unmet(rows(**changed))


def test_flips_are_held_to_their_f1_to_cleanlab_and_to_the_recall_of_before():
    some = [flipped(0.1, seed, f1=0.9, alone=0.96) for seed in SEEDS]
    some += [flipped(0.5, seed, recall=0.97) for seed in SEEDS]
    missed = unmet(some)
    assert "flips of 10% found: F1" in missed
    assert "the same beside cleanlab alone, 10%" in missed
    assert "flips of 50 %, 20 trusted a class, relabelled: recall of the source under the clean model's" in missed


def test_a_run_that_lasts_or_is_silent_too_long_is_not_met():
    name = "one side-by-side run of flipped labels"
    assert not [what for what in unmet([timed()]) if what.startswith(name)]
    assert name in unmet([timed(seconds=121.0)])
    assert f"{name}: longest time without a word" in unmet([timed(silence=6.0)])


def test_a_change_that_is_missed_a_false_alarm_or_a_slow_look_is_not_met():
    assert "tampering: single changes found" in unmet([tampered(found=999)])
    assert "tampering: false alarms" in unmet([tampered(alarms=1)])
    assert "tampering: 60,000 items verified" in unmet([tampered(seconds=11.0)])


def test_scans_are_measured_with_two_poisonings():
    assert set(SCANS.recipes(0)) == {DIRTY_5, flips(0.2)}
    assert SCANS.recipes(1)[DIRTY_5].trigger.height == 3


def test_the_plan_has_each_poisoning_once_and_seeds_differ():
    plan = Plan()
    assert set(plan.recipes(0)) == {DIRTY_5, DIRTY_1, CLEAN_5, CONTROL, *map(flips, RATIOS)}
    assert plan.recipes(0) != plan.recipes(1)


def test_art_flags_a_planted_cluster_and_much_else():
    pytest.importorskip("art")
    import numpy as np

    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 12)).astype(np.float32)
    labels = np.arange(400) % 2
    bad = np.flatnonzero(labels == 1)[:30]
    features[bad] += 8
    flags = art_flags(features, labels, 2, 30 / 200)
    assert set(flags) == {AC, SS, SS_TOLD}
    assert flags[AC][bad].mean() > 0.9
    assert all(some.shape == (400,) for some in flags.values())


def test_a_share_of_which_a_seed_saw_nothing_meets_no_goal():
    some = list(rows())
    empty = next(row for row in some if row["what"] == DIRTY_1 and row["data"] == DIGITS.data)
    empty["strip"]["parts"]["found"] = {"value": None, "low": None, "high": None, "n_hit": 0, "n": 0}
    name = f"STRIP by parts, {DIRTY_1}: found of the images that bring the target"
    assert unmet(some) == [name]


def test_each_alarm_rate_without_poison_is_a_goal():
    some = list(rows())
    for row in some:
        if row["what"] in (UNPOISONED, UNPOISONED_FEW):
            row["finders"]["fused"] = share(0.011 if row["what"] == UNPOISONED_FEW else 0.005)
        if row["what"] == UNPOISONED:
            row["strip"]["parts"]["false_rejects"] = share(0.012)
    missed = ["unpoisoned data, 20 trusted a class: flagged"]
    missed += ["STRIP by parts, unpoisoned: clean images rejected, threshold of 1 %"]
    assert unmet(some) == [*missed, *(f"brain MRI, {what}" for what in missed)]


def test_the_textbook_of_the_lab_is_what_is_measured(tmp_path):
    plan, digits = Plan(), pictures(tmp_path, n_train=3, n_test=3, side=28)
    hardened = proxy_training(quick_settings(digits), quick_hardening(digits))
    assert plan.perturbation == Perturbation()
    assert (plan.proxy, plan.proxy_epochs) == (hardened.hardening, hardened.epochs)


def test_a_loss_of_exactly_what_is_allowed_is_allowed():
    told = [
        {"clean_model": {"accuracy": {"value": a}}, "repaired": {"accuracy": {"value": b, "n": 2000}}}
        for a, b in ((0.9905, 0.9865), (0.987, 0.9855), (0.989, 0.9855))
    ]
    assert _lost("lost", told, "repaired").met
