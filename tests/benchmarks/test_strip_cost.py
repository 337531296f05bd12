import pytest

from benchmarks.strip_cost import OVERLAYS, cost_of, strip_cost, untrained
from pipeline.gate.strip_choice import N_OVERLAYS, PARTS, SUMS


def test_each_overlay_adds_to_the_time_of_a_scan():
    found = strip_cost(untrained("SmallCNN", 28, 3), ((SUMS, 2), (SUMS, 64)), rounds=5)
    few, many = found["with"]
    assert (few["overlays"], many["overlays"]) == (2, 64)
    assert found["without_ms"] < few["ms"] < many["ms"]
    assert 1 < few["ratio"]["value"] < many["ratio"]["value"]
    for one in found["with"]:
        assert one["ratio"]["low"] <= one["ratio"]["value"] <= one["ratio"]["high"]


def test_one_round_has_one_ratio():
    found = strip_cost(untrained("SmallCNN", 28, 3), ((PARTS, 2),), rounds=1)
    (one,) = found["with"]
    assert one["ratio"]["low"] == one["ratio"]["value"] == one["ratio"]["high"]
    assert one["ratio"]["value"] == pytest.approx(one["ms"] / found["without_ms"])


def test_a_row_says_which_classifier_it_is_of():
    row = cost_of(("SmallCNN", 28, 10), rounds=1)
    assert (row["classifier"], row["side"], row["rounds"]) == ("SmallCNN", 28, 1)
    assert tuple((one["by"], one["overlays"]) for one in row["with"]) == OVERLAYS
    assert set(N_OVERLAYS.items()) <= set(OVERLAYS)
