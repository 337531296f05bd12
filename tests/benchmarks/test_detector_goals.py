"""What the report on the detector says of its promises, on figures by hand."""

import numpy as np
import pytest

from benchmarks.detector_adaptive import adaptive_caveats, adaptive_goals, adaptive_page
from benchmarks.detector_attack_goals import attack_goals
from benchmarks.detector_figures import Found, macro_f1
from benchmarks.detector_gate_goals import honest_goals, speed_goals
from benchmarks.detector_page import caveats
from benchmarks.detector_plan import LEVELS
from benchmarks.detector_stages import LEAVE_OUT, NEVER, STAGES, STATIC, VARIANTS
from detector.types import TYPES
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.detection.controls import REPORTED_CONTROLS

N = 40
SIGN = ("fgsm", "bim", "pgd", "mim")


def interval(value):
    return {"value": value, "low": value, "high": value}


ZEROED = {
    "attack": "pgd",
    "eps": 4 / 255,
    "region": "image",
    "n": 9,
    "auroc": interval(0.98),
    "auroc_before": interval(1.0),
}


def scored(scores):
    return {"scores": list(map(float, scores)), "groups": list(range(len(scores)))}


def cell(attack, level, scores, *, region="image"):
    return {"attack": attack, "level": level, "region": region, **scored(scores)}


def note(stage, cells, *, seed=0, what="static", supported=False, **report):
    """A detector whose clean scans score 0 to 1, whose alarms begin above 1, and whose controls score 0.5."""
    named = {name: dict.fromkeys(TYPES[1:], 0) for name in TYPES[1:]}
    for name in named:
        named[name][name] = 10
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
            "n_calibration": 970,
            "n_clean": N,
            "null_attack": 0.5,
            "strict": {"supported": supported, "n_needed": 3000, "rate": 0.001},
            "clean_alarms": interval(0.0),
            "flagged_range": [0.0, 0.02],
            "coverage": {"n": N, "accepted": interval(1.0)},
            "handed_out": {"n": 100, "undefended": interval(0.5), "accepted": interval(0.0)},
            "cells": [
                {"attack": name, "eps": 4 / 255 if name != "cw" else 0.0, "region": "image", "named": named[name]}
                for name in named
            ],
            "beside": {
                "background": [ZEROED],
                "survivors": [
                    {"change": "JPEG 90", "n": 10, "fooling": interval(0.5), "flagged_fooling": interval(0.6)},
                    {"change": "JPEG 75", "n": 10, "fooling": interval(1.0), "flagged_fooling": interval(1.0)},
                ],
            },
            **report,
        },
    }


def found_all(level=1, value=3.0):
    return [cell(name, level, [value] * 10) for name in SIGN]


def by_name(goals):
    goals = list(goals)
    assert len({goal.what for goal in goals}) == len(goals)
    return {goal.what: goal for goal in goals}


def test_what_was_not_run_is_not_measured_and_not_met():
    goals = [*attack_goals(Found([])), *honest_goals(Found([])), *adaptive_goals({}), *speed_goals([])]
    assert len(by_name(goals)) == len(goals) == 47
    assert all((goal.value, goal.met, goal.n) == ("not measured", False, 0) for goal in goals)


def test_the_worst_attack_is_judged_over_all_seeds():
    weak = [*found_all()[1:], cell("fgsm", 1, [3.0] * 8 + [0.5, 0.6])]
    goals = by_name(attack_goals(Found([note(STATIC, found_all()), note(STATIC, weak, seed=1)])))
    goal = goals["FGSM, BIM, PGD, MIM at 1/255, worst: found at 1 %"]
    assert (goal.met, goal.n) == (False, 20)
    assert goal.value.startswith("90.0% (")
    assert goal.value.endswith("worst seed 80.0%, fgsm")
    assert not goals["FGSM, BIM, PGD, MIM at 2/255, worst: AUROC"].met
    assert by_name(attack_goals(Found([note(STATIC, found_all())])))["FGSM, BIM, PGD, MIM at 1/255, worst: AUROC"].met


def test_a_rate_that_the_calibration_cannot_support_is_not_met_and_says_why():
    what = "FGSM, BIM, PGD, MIM at 1/255, worst: found at 0.1 %"
    goal = by_name(attack_goals(Found([note(STATIC, found_all())])))[what]
    assert not goal.met
    assert goal.value.startswith("not supported by 970 calibration scans (3000 needed); at their highest score")
    assert by_name(attack_goals(Found([note(STATIC, found_all(), supported=True)])))[what].met


def test_masking_and_zeroing_are_drops():
    head = note(VARIANTS, [cell("pgd", 1, [0.5] * 10, region="head")], what="head")
    goals = by_name(attack_goals(Found([note(STATIC, found_all()), head])))
    assert goals["attack masked to the head, AUROC"].value.startswith("0.5000 (pgd 1/255)")
    zeroed = goals["background zeroed for the detector, AUROC, every seed"]
    assert zeroed.value.startswith("0.0200 (pgd 4/255, seed 0)")
    assert (zeroed.met, zeroed.n) == (False, 9)


def whole_and_held(*seeds, held=3.0):
    """Every sign attack at every radius, all of them and inside the head, for some seeds."""
    of_all = [cell(name, level, [3.0] * 10) for name in SIGN for level in LEVELS]
    inside = [cell(name, level, [held] * 10, region="head") for name in SIGN for level in LEVELS]
    return [
        each
        for seed in seeds
        for each in (note(STATIC, of_all, seed=seed), note(VARIANTS, inside, seed=seed, what="head"))
    ]


def test_masking_and_zeroing_are_judged_on_every_attack_and_radius():
    masked, zeroed = "attack masked to the head, AUROC", "background zeroed for the detector, AUROC, every seed"
    notes = whole_and_held(0)
    assert by_name(attack_goals(Found(notes)))[masked].met
    notes[1]["raw"]["cells"].pop()
    goal = by_name(attack_goals(Found(notes)))[masked]
    assert (goal.met, goal.value) == (False, "0.0000 (bim 1/255); not measured: mim 8/255")
    rows = [{**ZEROED, "attack": name, "eps": k / 255, "auroc": interval(1.0)} for name in SIGN for k in LEVELS]
    assert by_name(attack_goals(Found([note(STATIC, [], beside={"background": rows, "survivors": []})])))[zeroed].met
    rows[0]["auroc"] = interval(None)
    goal = by_name(attack_goals(Found([note(STATIC, [], beside={"background": rows, "survivors": []})])))[zeroed]
    assert not goal.met
    assert goal.value.endswith("; not measured: fgsm 1/255, seed 0")


def test_masking_is_compared_within_the_same_seeds():
    weak = note(STATIC, [cell(name, level, [0.5] * 10) for name in SIGN for level in LEVELS], seed=1)
    goal = by_name(attack_goals(Found([*whole_and_held(0, held=0.75), weak])))["attack masked to the head, AUROC"]
    assert (goal.met, goal.n) == (False, 160)
    assert goal.value.startswith("0.25")


def test_unseen_attacks_are_judged_by_mean_and_worst_of_what_was_left_out_alone():
    left = [
        note(LEAVE_OUT, [cell("pgd", 1, [3.0] * 5), cell("fgsm", 1, [0.0] * 5)], what="pgd"),
        note(LEAVE_OUT, [cell("pgd", 1, [0.0] * 5)], what="bim + pgd + mim"),
        note(NEVER, [cell("ddn", None, [3.0] * 5)], what="ddn"),
        note(NEVER, [cell("square", 8, [0.51] * 5)], what="square"),
    ]
    goals = by_name(attack_goals(Found(left)))
    assert goals["leave one attack out: mean AUROC"].value == "1.0000 of 1 cells"
    assert goals["attacks that were never trained on: mean AUROC"].value == "0.7500 of 2 cells"
    worst = goals["attacks that were never trained on: worst AUROC"]
    assert (worst.met, worst.value.endswith("square 8/255")) == (False, True)


def test_only_attacks_that_still_fool_after_jpeg_count():
    goal = by_name(attack_goals(Found([note(STATIC, [])])))["attacked, then JPEG 90, and still fooling: found at 1 %"]
    assert (goal.value, goal.n, goal.met) == ("60.0%; 5 of 10 attacks still fool", 5, False)


def test_types_that_are_always_right_have_an_f1_of_one_and_swapped_ones_none():
    good = note(STATIC, [])
    classes = {name: (name,) for name in TYPES[1:]}
    assert macro_f1([good], classes) == (1.0, 50)
    rows = {row["attack"]: row["named"] for row in good["report"]["cells"]}
    rows["bim"]["pgd"], rows["bim"]["bim"] = 10, 0
    assert macro_f1([good], classes)[0] == pytest.approx((3 + 0 + 2 * 10 / 30) / 5)
    assert macro_f1([good], {"fgsm": ("fgsm",), "iterative": ("bim", "pgd", "mim"), "cw": ("cw",)}) == (1.0, 50)
    for row in good["report"]["cells"]:
        row["eps"] = 1 / 255 if row["attack"] == "mim" else row["eps"]
    assert macro_f1([good], classes) == (None, 40)


def test_alarms_are_judged_by_the_worst_seed():
    loud = note(STATIC, found_all(), seed=1)
    loud["raw"]["controls"]["uniform noise 4/255"] = scored([2.0] * 4 + [0.5] * (N - 4))
    goal = by_name(honest_goals(Found([note(STATIC, found_all()), loud])))["noise of equal norm flagged, worst norm"]
    assert (goal.met, goal.n) == (False, 2 * N)
    assert goal.value.endswith("worst seed 10.0%, uniform noise 4/255")
    clean = [note(STATIC, []), note(STATIC, [], seed=1, clean_alarms=interval(0.03))]
    assert not by_name(honest_goals(Found(clean)))["clean scans flagged at 1 %"].met
    assert not by_name(honest_goals(Found([note(STATIC, [], null_attack=0.6)])))["null attack, AUROC"].met


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("uniform noise 8/255", "noise of equal norm flagged, worst norm"),
        ("uniform noise 1/255", "attacks against noise of equal norm at 1/255, AUROC, worst noise"),
        ("resize 1.1", "JPEG 75, noise of sigma 2/255, resize 0.9 to 1.1 flagged, worst"),
    ],
)
def test_a_control_that_one_seed_lacks_is_no_promise_kept(gone, what):
    whole, part = note(STATIC, found_all()), note(STATIC, found_all(), seed=1)
    assert by_name(honest_goals(Found([whole])))[what].met
    del part["raw"]["controls"][gone]
    goal = by_name(honest_goals(Found([whole, part])))[what]
    assert not goal.met
    assert goal.value.endswith(f"; not measured: {gone}, seed 1")


def test_a_seed_without_attacks_hands_out_no_promise():
    none = {"n": 0, "undefended": interval(None), "accepted": interval(None)}
    notes = [note(STATIC, found_all()), note(STATIC, found_all(), seed=1, handed_out=none)]
    goal = by_name(honest_goals(Found(notes)))["wrong answers handed out under the static attacks"]
    assert not goal.met
    assert goal.value.endswith("; not measured: seed 1")


def test_noise_is_compared_within_a_seed():
    goals = by_name(honest_goals(Found([note(STATIC, found_all())])))
    assert goals["attacks against noise of equal norm at 1/255, AUROC, worst noise"].met
    assert not goals["attacks against noise of equal norm at 2/255, AUROC, worst noise"].met


def withstood(best, undefended, median, gate_median):
    row = {"level": 2, "n": 24, "undefended": interval(undefended), "unaware": interval(0.0), "best": interval(best)}
    price = {
        "median_classifier": median,
        "median_gate": gate_median,
        "grid": [1, 2, 16],
        "gate": [None] * 24,
        "said": "so many times",
    }
    cell = {"attack": "joint_pgd", "level": 2, "passed": interval(best)}
    return {
        "classifier_id": "c1",
        "detector_id": "d1",
        "accuracy": {**interval(0.9), "n": 60},
        "rows": [row],
        "cells": [cell],
        "price": price,
        "left_out": {"surrogate_transfer": "since no second detector was given"},
    }


def test_adaptive_figures_stand_beside_both_starts():
    found = {"as it is": withstood(0.9, 0.9, 2.0, 2.0), "hardened": withstood(0.25, 0.3, 8.0, None)}
    goals = by_name(adaptive_goals(found))
    what = "adaptive: accepted and wrong at 2/255, best of all attacks, classifier "
    assert goals[f"{what}hardened"].met
    assert goals[f"{what}hardened"].value.endswith("; without a gate 30.0%, before hardening 90.0%")
    assert not goals[f"{what}as it is"].met
    assert "before hardening" not in goals[f"{what}as it is"].value
    assert goals[what.replace("2/255", "4/255") + "hardened"].value == "not measured"
    prices = [goal for goal in goals.values() if goal.what.startswith("price")]
    assert [(goal.value, goal.met) for goal in prices] == [
        ("at least 8.5 times: beyond 16/255, over 2/255", True),
        ("at least 2.1 times: beyond 16/255, over 8/255", False),
        ("1 times: 2/255, over 2/255", False),
    ]


@pytest.mark.parametrize(
    ("held", "told", "met"),
    [
        (8, "; surely 3 times, the radius tried before being 8/255", False),
        (11, "; surely 4 times, the radius tried before being 11/255", True),
        (12, "", True),
    ],
)
def test_a_price_counts_from_the_level_after_the_radius_that_held(held, told, met):
    report = withstood(0.9, 0.9, 3.0, 13.0)
    report["price"]["grid"] = (1, 3, held, 13, 16)
    (*_, price) = [goal for goal in adaptive_goals({"as it is": report}) if goal.what.startswith("price")]
    assert price.value == f"4.3 times: 13/255, over 3/255{told}"
    assert price.met is met


def test_the_best_of_all_attacks_says_of_which():
    report = withstood(0.2, 0.9, 2.0, 2.0)
    goal = next(goal for goal in adaptive_goals({"as it is": report}) if goal.value != "not measured")
    assert ", by 1 of 7 attacks (not orthogonal_pgd, selective_pgd, " in goal.value
    report["cells"] = [{**report["cells"][0], "attack": name} for name in ADAPTIVE_ATTACKS]
    goal = next(goal for goal in adaptive_goals({"as it is": report}) if goal.value != "not measured")
    assert ", by 7 of 7 attacks; without a gate" in goal.value


def test_a_price_over_a_classifier_that_holds_is_none():
    found = {"hardened": withstood(0.1, 0.3, None, None)}
    (price,) = [goal for goal in adaptive_goals(found) if "over the hardened" in goal.what]
    assert (price.value, price.met) == ("half of the scans hold beyond 16/255 without a gate", False)


def test_the_page_tells_both_gates_apart():
    page = "\n".join(
        adaptive_page({"as it is": withstood(0.9, 0.9, 2.0, 2.0), "hardened": withstood(0.2, 0.3, 8.0, 16)})
    )
    assert "### Classifier as it is" in page
    assert "### Classifier hardened" in page
    assert "| joint_pgd | 2/255 | 20.0%" in page
    assert "Left out: surrogate_transfer, since no second detector was given." in page
    assert "Not among the attacks: orthogonal_pgd, selective_pgd, feature_matching, augmented_cw, gate_square." in page
    assert list(adaptive_page({})) == []


def test_adaptive_figures_of_another_detector_or_code_say_so():
    found = {"as it is": {**withstood(0.9, 0.9, 2.0, 2.0), "sources": "now"}}
    assert list(adaptive_caveats(found, ["d1"], "now")) == []
    (other,) = adaptive_caveats(found, ["d2"], "now")
    assert other == "The adaptive figures, classifier as it is, are of another detector, d1."
    (older,) = adaptive_caveats(found, ["d1"], "later")
    assert older.endswith("classifier as it is, are kept from an earlier state of the detector's code.")
    del found["as it is"]["sources"]
    assert list(adaptive_caveats(found, ["d1"], "now")) == [older]


def test_a_gate_is_timed_by_architecture():
    speed = {"architecture": "SequentialCNN", "p95_ms": 20.0, "ratio": 1.3, "n": 200}
    assert [goal.met for goal in speed_goals([speed])] == [True, False, False, False]


def test_the_page_says_what_is_missing():
    said = caveats(Found([note(STATIC, [])]), (0, 1), 24, "later")
    assert said[0].startswith("A try on at most 24 test scans")
    assert "Not run: `static` for seed 1." in said
    assert "Not run: `never-trained` for seed 0, 1." in said
    assert said[-1] == "Kept from an earlier state of the detector's code: static."
    whole = Found([note(stage, [], seed=seed) for stage in STAGES for seed in (0, 1)])
    assert caveats(whole, (0, 1), None, "now") == []


def test_the_page_names_the_attacks_that_were_not_available():
    notes = [note(NEVER, [], what=what, seed=seed) for what, seed in (("ddn", 0), ("ddn", 1), ("art:ElasticNet", 1))]
    said = caveats(Found(notes), (), None, "now", never=("ddn", "art:ElasticNet"))
    assert said == ["Never trained on, and not among the figures of seed 0: art:ElasticNet, not available there."]
