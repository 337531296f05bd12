"""What the report on the detector says of its promises about attacks, on figures by hand."""

import pytest

from benchmarks.detector_adaptive import adaptive_goals
from benchmarks.detector_attack_goals import attack_goals
from benchmarks.detector_figures import Found, macro_f1
from benchmarks.detector_gate_goals import honest_goals, speed_goals
from benchmarks.detector_plan import LEFT_OUT, SEEDS
from benchmarks.detector_stages import LEAVE_OUT, NEVER, STATIC, VARIANTS
from detector.types import TYPES
from tests.benchmarks.detector_notes import SIGN, by_name, cell, interval, note, on_all, survivor

pytestmark = pytest.mark.usefixtures("few_resamples")

MASKED, ZEROED = "attack masked to the head, AUROC", "background zeroed for the detector, AUROC, every seed"
JPEG = "attacked, then JPEG 90, and still fooling: found at 1 %"
JPEG_WORST = "the same, worst attack and radius with at least 10 such files"


def goals_of(*notes, seeds=(0,)):
    return by_name(attack_goals(Found(notes, seeds)))


def test_what_was_not_run_is_not_measured_and_not_met():
    goals = [*attack_goals(Found([])), *honest_goals(Found([])), *adaptive_goals({}), *speed_goals([])]
    assert len(by_name(goals)) == len(goals) == 53
    assert all((goal.value, goal.met, goal.n) == ("not measured", False, 0) for goal in goals)


def every_stage(seeds):
    """All that the goals about attacks and honest scans speak of, and all of it good."""
    released = {
        "alpha": 0.02,
        "n_clean": 40,
        "accepted": interval(0.99),
        "n_attacked": 100,
        "handed_out": interval(0.001),
    }
    never = {
        "deepfool": (None,),
        "ddn": (None,),
        "apgd": (2, 4, 8),
        "square": (4, 8),
        "universal": (4, 8),
        "art:SaliencyMapMethod": (None,),
        "art:ElasticNet": (None,),
        "art:SpatialTransformation": (None,),
    }
    for seed in seeds:
        yield note(STATIC, on_all(n=20), seed=seed, supported=True, released=released)
        yield note(VARIANTS, on_all(region="head", names=SIGN), seed=seed, what="head")
        yield note(VARIANTS, on_all(names=("cw",)), seed=seed, what="cw kappa 5")
        for left in LEFT_OUT:
            yield note(LEAVE_OUT, on_all(), seed=seed, what=" + ".join(left))
        for name, levels in never.items():
            yield note(NEVER, [cell(name, level, [3.0] * 5) for level in levels], seed=seed, what=name)


def all_goals(notes):
    found = Found(list(notes))
    return [*attack_goals(found), *honest_goals(found)]


def test_all_of_it_for_all_seeds_is_met():
    goals = all_goals(every_stage(SEEDS))
    assert [goal.what for goal in goals if not goal.met] == []
    assert not any("not measured" in goal.value or "no success" in goal.value for goal in goals)


def test_no_goal_is_met_by_two_seeds_of_three():
    goals = all_goals(every_stage((0, 2)))
    assert [goal.what for goal in goals if goal.met or not goal.value.endswith("not measured: seed 1")] == []


def test_the_worst_attack_is_judged_over_all_seeds():
    weak = [cell("fgsm", 1, [3.0] * 8 + [0.5, 0.6]), *on_all()[1:]]
    goals = goals_of(note(STATIC, on_all()), note(STATIC, weak, seed=1), seeds=(0, 1))
    goal = goals["FGSM, BIM, PGD, MIM at 1/255, worst: found at 1 %"]
    assert (goal.met, goal.n) == (False, 20)
    assert goal.value.startswith("90.0% (")
    assert goal.value.endswith("worst seed 80.0%, fgsm")
    assert goals["FGSM, BIM, PGD, MIM at 2/255, worst: AUROC"].met


def test_an_attack_without_a_success_is_named_and_one_that_was_not_run_counts():
    what = "FGSM, BIM, PGD, MIM at 1/255, worst: AUROC"
    none = [cell("fgsm", 1, []), *on_all()[1:]]
    goal = goals_of(note(STATIC, none))[what]
    assert goal.met
    assert goal.value.endswith(", bim; no success: fgsm")
    goal = goals_of(note(STATIC, on_all()[1:]))[what]
    assert not goal.met
    assert goal.value.endswith("; not measured: fgsm")


def test_a_radius_at_which_no_attack_succeeds_says_so():
    goal = goals_of(note(STATIC, on_all(n=0)))["FGSM, BIM, PGD, MIM at 1/255, worst: AUROC"]
    assert (goal.value, goal.met) == ("no success: seed 0", False)


def test_a_rate_that_the_calibration_of_one_seed_cannot_support_is_not_met_and_says_why():
    what = "FGSM, BIM, PGD, MIM at 1/255, worst: found at 0.1 %"
    good = note(STATIC, on_all(), supported=True)
    assert goals_of(good)[what].met
    goal = goals_of(good, note(STATIC, on_all(), seed=1), seeds=(0, 1))[what]
    assert not goal.met
    assert goal.value.startswith("not supported by 970 calibration scans (3000 needed); at their highest score")


def test_masking_is_a_drop_judged_on_every_attack_and_radius():
    held = on_all(region="head", names=SIGN)
    assert goals_of(note(STATIC, on_all()), note(VARIANTS, held, what="head"))[MASKED].met
    goal = goals_of(note(STATIC, on_all()), note(VARIANTS, held[:-1], what="head"))[MASKED]
    assert (goal.met, goal.value) == (False, "0.0000 (bim 1/255); not measured: mim 8/255")
    weak = [*held[:-1], cell("mim", 8, [0.5] * 10, region="head")]
    assert goals_of(note(STATIC, on_all()), note(VARIANTS, weak, what="head"))[MASKED].value == "0.5000 (mim 8/255)"


def test_masking_is_compared_within_the_same_seeds():
    held = note(VARIANTS, on_all(0.75, region="head", names=SIGN), what="head")
    goal = goals_of(note(STATIC, on_all()), held, note(STATIC, on_all(0.5), seed=1), seeds=(0, 1))[MASKED]
    assert (goal.met, goal.n) == (False, 160)
    assert goal.value.startswith("0.25")
    assert goal.value.endswith("; not measured: seed 1")


def test_zeroing_is_a_drop_judged_on_every_attack_and_radius():
    whole = note(STATIC, on_all())
    assert goals_of(whole)[ZEROED].met
    rows = whole["report"]["beside"]["background"]
    rows[1]["auroc"] = interval(0.98)
    goal = goals_of(whole)[ZEROED]
    assert (goal.met, goal.value, goal.n) == (False, "0.0200 (fgsm 2/255, seed 0)", 160)
    rows[0]["auroc"] = interval(None)
    assert goals_of(whole)[ZEROED].value.endswith("; not measured: fgsm 1/255")


def test_carlini_wagner_is_judged_for_every_seed():
    goal = goals_of(note(STATIC, on_all()), seeds=(0, 1))["C&W L2, kappa 0: AUROC"]
    assert (goal.met, goal.value.endswith("; not measured: seed 1")) == (False, True)
    assert goals_of(note(STATIC, on_all()))["C&W L2, kappa 0: AUROC"].met


def test_unseen_attacks_are_judged_by_mean_and_worst_of_what_was_left_out_alone():
    left = [
        note(LEAVE_OUT, [*on_all()[:-1], cell("cw", None, [0.0] * 5)], what=name) for name in ("fgsm", "bim", "pgd")
    ]
    goal = goals_of(*left)["leave one attack out: mean AUROC"]
    assert (goal.value, goal.met, goal.n) == ("1.0000 of 12 cells; not measured: mim, cw", False, 120)
    never = [
        note(NEVER, [cell("ddn", None, [3.0] * 5)], what="ddn"),
        note(NEVER, [cell("square", 8, [0.51] * 5)], what="square"),
    ]
    goals = goals_of(*never)
    assert goals["attacks that were never trained on: mean AUROC"].value.startswith(
        "0.7500 of 2 cells; not measured: deepfool, apgd, square 4/255, universal, art:"
    )
    worst = goals["attacks that were never trained on: worst AUROC"]
    assert (worst.met, "square 8/255; not measured: deepfool, " in worst.value) == (False, True)


def test_near_twins_left_out_together_have_rows_of_their_own():
    weak = [cell("pgd", 1, [0.5] * 10), *(one for one in on_all() if (one["attack"], one["level"]) != ("pgd", 1))]
    alone = [note(LEAVE_OUT, on_all(), what=name) for name in (*SIGN, "cw")]
    goals = goals_of(*alone, note(LEAVE_OUT, weak, what="bim + pgd + mim"))
    assert goals["leave one attack out: worst AUROC"].met
    together = goals["leave the family BIM, PGD, MIM out: worst AUROC"]
    assert (together.met, together.value.endswith("pgd 1/255"), together.n) == (False, True, 10)
    assert goals["leave the family BIM, PGD, MIM out: mean AUROC"].value.endswith(" of 12 cells")


def after_jpeg(rows):
    one = note(STATIC, on_all(n=40))
    kept = {(row["change"], row["attack"], row["eps"]): row for row in one["report"]["beside"]["survivors"]}
    kept.update({(row["change"], row["attack"], row["eps"]): row for row in rows})
    one["report"]["beside"]["survivors"] = list(kept.values())
    return goals_of(one)


def test_only_attacks_that_still_fool_after_jpeg_count():
    found = after_jpeg(
        [survivor("JPEG 90", "fgsm", 0.5 / 255, 10, 5, 3), survivor("JPEG 75", "bim", 0.5 / 255, 9, 9, 0)]
    )
    assert (found[JPEG].value, found[JPEG].n) == ("99.4%; 345 of 690 attacks still fool", 345)


def test_after_jpeg_the_worst_attack_with_files_enough_is_judged_by_itself():
    eps = note(STATIC, on_all())["report"]["beside"]["survivors"][0]["eps"]
    found = after_jpeg([survivor("JPEG 90", "fgsm", eps, 40, 12, 3), survivor("JPEG 90", "cw", 0.0, 40, 9, 0)])
    assert found[JPEG].met
    worst = found[JPEG_WORST]
    assert (worst.value, worst.n, worst.met) == ("25.0% (3 of 12), fgsm 1/255; fewer files: cw (9)", 12, False)


def test_after_jpeg_an_attack_that_was_not_looked_at_is_missed():
    one = note(STATIC, on_all(n=40))
    beside = one["report"]["beside"]
    beside["survivors"] = [row for row in beside["survivors"] if row["attack"] != "mim"]
    goals = goals_of(one)
    assert [goals[what].value.endswith("; not measured: mim") for what in (JPEG, JPEG_WORST)] == [True, True]
    assert not goals[JPEG].met


def test_types_that_are_always_right_have_an_f1_of_one_and_swapped_ones_none():
    good = note(STATIC, on_all(levels=(4,)))
    classes = {name: (name,) for name in TYPES[1:]}
    assert macro_f1([good], classes) == (1.0, 50)
    rows = {row["attack"]: row["named"] for row in good["report"]["cells"]}
    rows["bim"]["pgd"], rows["bim"]["bim"] = 10, 0
    assert macro_f1([good], classes)[0] == pytest.approx((3 + 0 + 2 * 10 / 30) / 5)
    assert macro_f1([good], {"fgsm": ("fgsm",), "iterative": ("bim", "pgd", "mim"), "cw": ("cw",)}) == (1.0, 50)
    for row in good["report"]["cells"]:
        row["eps"] = 1 / 255 if row["attack"] == "mim" else row["eps"]
    assert macro_f1([good], classes) == (None, 40)


def test_names_are_judged_from_2_255_on_and_for_every_radius():
    without = [one for one in on_all() if (one["attack"], one["level"]) != ("pgd", 4)]
    goal = goals_of(note(STATIC, without))["family"]
    assert (goal.value, goal.met) == ("1.000; not measured: pgd 4/255", False)
    without = [one for one in on_all() if one["level"] != 1]
    assert goals_of(note(STATIC, without))["family"].met
