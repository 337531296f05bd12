"""What the report on the detector says of attackers who know the gate, on figures by hand."""

import pytest

from benchmarks.detector_adaptive import EVASIVE, adaptive_caveats, adaptive_goals, adaptive_page
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from tests.benchmarks.detector_notes import by_name, interval


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
        "surrogate_id": "d9",
        "accuracy": {**interval(0.9), "n": 60},
        "rows": [row],
        "cells": [cell],
        "price": price,
        "plan": {"for_price": ["joint_pgd"]},
        "left_out": {"surrogate_transfer": "since no second detector was given"},
    }


def by_all(*given):
    """The same by every attack that there is."""
    report = withstood(*given)
    report["cells"] = [{**report["cells"][0], "attack": name} for name in ADAPTIVE_ATTACKS]
    report["plan"] = {"for_price": list(ADAPTIVE_ATTACKS)}
    return report


def test_adaptive_figures_stand_beside_both_starts():
    found = {"as it is": by_all(0.9, 0.9, 2.0, 2.0), "hardened": by_all(0.25, 0.3, 8.0, None)}
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
    report = by_all(0.9, 0.9, 3.0, 13.0)
    report["price"]["grid"] = (1, 3, held, 13, 16)
    (*_, price) = [goal for goal in adaptive_goals({"as it is": report}) if goal.what.startswith("price")]
    assert price.value == f"4.3 times: 13/255, over 3/255{told}"
    assert price.met is met


def test_the_best_of_all_attacks_is_no_promise_kept_while_one_is_untried():
    report = by_all(0.2, 0.9, 2.0, None)
    share, *_, price = [goal for goal in adaptive_goals({"as it is": report}) if goal.value != "not measured"]
    assert (share.met, price.met) == (True, True)
    assert share.value.endswith(", by 7 of 7 attacks; without a gate 90.0%")
    report["cells"] = [each for each in report["cells"] if each["attack"] not in ("surrogate_transfer", "gate_square")]
    share, *_, price = [goal for goal in adaptive_goals({"as it is": report}) if goal.value != "not measured"]
    assert (share.met, price.met) == (False, False)
    assert ", by 5 of 7 attacks; without a gate 90.0%; not measured: " in share.value
    assert {name for name in ADAPTIVE_ATTACKS if name in price.value} == {"surrogate_transfer", "gate_square"}


def test_an_attack_is_untried_at_the_radius_that_it_was_not_tried_at():
    report = by_all(0.2, 0.9, 2.0, 16.0)
    report["rows"].append({**report["rows"][0], "level": 4})
    goals = by_name(adaptive_goals({"as it is": report}))
    what = "adaptive: accepted and wrong at {}/255, best of all attacks, classifier as it is"
    assert (goals[what.format(2)].met, goals[what.format(4)].met) == (True, False)
    assert ", by 0 of 7 attacks" in goals[what.format(4)].value


def test_a_price_over_a_classifier_that_holds_is_none():
    found = {"hardened": by_all(0.1, 0.3, None, None)}
    (price,) = [goal for goal in adaptive_goals(found) if "over the hardened" in goal.what]
    assert (price.value, price.met) == ("half of the scans hold beyond 16/255 without a gate", False)


def test_a_price_names_the_attacks_that_did_not_look_for_it():
    report = {**by_all(0.2, 0.9, 2.0, None), "plan": {"for_price": ["joint_pgd", "orthogonal_pgd"]}}
    *_, price = [goal for goal in adaptive_goals({"as it is": report}) if goal.what.startswith("price")]
    assert not price.met
    assert "not measured: selective_pgd, feature_matching, augmented_cw" in price.value


def test_the_page_tells_both_gates_apart():
    page = "\n".join(
        adaptive_page({"as it is": withstood(0.9, 0.9, 2.0, 2.0), "hardened": withstood(0.2, 0.3, 8.0, 16)})
    )
    assert "### Classifier as it is" in page
    assert "### Classifier hardened" in page
    assert "Classifier c1, detector d1, surrogate d9." in page
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
    assert list(adaptive_caveats({EVASIVE: found["as it is"]}, [], "now")) == [], "it has a detector of its own"
    del found["as it is"]["sources"]
    assert list(adaptive_caveats(found, ["d1"], "now")) == [older]
