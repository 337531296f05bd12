import numpy as np
import pytest
import torch

from detector.poisoned.strip import false_reject_threshold
from pipeline.errors import BadStrip
from pipeline.gate.strip import StripChoice, StripPoint


def point(scores, rate):
    return StripPoint(
        overlays_sha256="0" * 64, n_overlays=4, rate=rate, seed=0, calibration=np.sort(np.array(scores, dtype=float))
    )


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"n_overlays": 0}, "0 overlays; give 1 to 1000"),
        ({"n_overlays": 1001}, "1001 overlays; give 1 to 1000"),
        ({"rate": 0.0}, r"rate of false rejects 0; give a share within \(0, 0.5\]"),
        ({"rate": 0.6}, "rate of false rejects 0.6"),
        ({"rate": float("nan")}, "rate of false rejects nan"),
        ({"seed": -1}, "seed -1 of the overlays; give 0 or more"),
    ],
)
def test_a_choice_out_of_range_is_refused(asked, says):
    with pytest.raises(BadStrip, match=says):
        StripChoice(**asked)


def test_the_p_value_fires_exactly_where_the_threshold_of_strip_does():
    scores = -np.random.default_rng(0).random(399)
    one = point(scores, 0.01)
    tau = false_reject_threshold(torch.from_numpy(scores), 0.01)
    for entropy in (-tau, np.nextafter(-tau, 0), np.nextafter(-tau, 1), 0.0, 1.0):
        assert one.finding(float(entropy)).fired == (-entropy > tau)


def test_ties_count_for_the_scan():
    assert not point([-0.0] * 400, 0.01).finding(0.0).fired


def test_what_is_no_number_never_fires():
    assert not point(range(-400, 0), 0.01).finding(float("nan")).fired


def test_a_point_survives_its_description():
    one = point([-0.5, -0.25], 0.2)
    again = StripPoint.from_json(one.to_json())
    assert again == one
    np.testing.assert_array_equal(again.calibration, one.calibration)
