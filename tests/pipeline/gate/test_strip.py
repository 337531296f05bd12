from dataclasses import replace

import numpy as np
import pytest

from detector.poisoned.strip_rule import StripRule
from pipeline.gate.strip import StripPoint
from pipeline.gate.strip_choice import PARTS


def point(entropies, rate, predicted=None):
    entropies = np.array(entropies, dtype=float)
    called = np.arange(len(entropies)) % 2 if predicted is None else np.array(predicted)
    rule = StripRule.fit(entropies, called, 2)
    return StripPoint(overlays_sha256="0" * 64, n_overlays=4, rate=rate, seed=0, rule=rule)


@pytest.mark.parametrize("called", [0, 1])
def test_the_p_value_fires_exactly_where_the_threshold_of_the_rule_does(called):
    one = point(0.2 + np.random.default_rng(0).random(400), 0.01)
    tau = one.rule.threshold(0.01)
    entropies = np.linspace(0, 0.6, 400)
    fired = [one.finding(float(entropy), called).fired for entropy in entropies]
    assert fired == (one.rule.score(entropies, np.full(400, called)) > tau).tolist()
    assert set(fired) == {True, False}


def test_the_class_that_is_predicted_decides_which_entropy_is_low():
    rng, called = np.random.default_rng(0), np.arange(600) % 2
    one = point(np.where(called == 0, 0.1, 1.0) * np.exp(0.2 * rng.normal(size=600)), 0.01, called)
    assert not one.finding(0.1, 0).fired
    assert one.finding(0.1, 1).fired


def test_ties_count_for_the_scan():
    assert not point([0.0] * 400, 0.01).finding(0.0, 0).fired


def test_what_is_no_number_never_fires():
    assert not point(range(400), 0.01).finding(float("nan"), 0).fired


def test_a_point_survives_its_description():
    one = point([0.5, 0.25], 0.2)
    again = StripPoint.from_json(one.to_json())
    assert again == one
    assert again.finding(0.3, 1) == one.finding(0.3, 1)


def test_by_sums_the_description_is_what_it_was_before_there_were_parts():
    assert set(point([0.5, 0.25], 0.2).to_json()) == {"overlays_sha256", "n_overlays", "rate", "seed", "rule"}
    by_parts = replace(point([0.5, 0.25], 0.2), by=PARTS, called=(0, 1, 0, 1))
    assert StripPoint.from_json(by_parts.to_json()) == by_parts
    assert by_parts.at().by == PARTS
