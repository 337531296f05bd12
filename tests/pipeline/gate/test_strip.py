import numpy as np
import torch

from detector.poisoned.strip import false_reject_threshold
from pipeline.gate.strip import StripPoint


def point(scores, rate):
    return StripPoint(
        overlays_sha256="0" * 64, n_overlays=4, rate=rate, seed=0, calibration=np.sort(np.array(scores, dtype=float))
    )


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
