"""What a report's pictures are drawn from, on scores and gates whose figures are known."""

import numpy as np
import pytest

from datasets.duplicates import pixels_sha256
from pipeline.detection.drawn import drawn, histogram, roc_points
from pipeline.detection.noise import look_at_controls
from tests.fixtures.examined import HeadsOnBlack, N, attacked_rows, examined


@pytest.fixture(scope="module")
def dataset():
    return HeadsOnBlack()


def brightness(levels):
    return levels.mean((1, 2, 3))


def lighter(levels, rng):
    return levels + 40


def test_points_are_the_rates_and_shares_at_thresholds_of_clean_scores():
    clean, hit = np.arange(100.0), np.array([98.5, 97.5, 50.0, -1.0])
    points = dict(roc_points(hit, clean))
    assert min(points) == 1 / 100
    assert points[0.01] == 0.25
    assert points[0.02] == 0.5
    assert points[1.0] == 1.0
    assert list(points.values()) == sorted(points.values())


def test_a_curve_begins_at_one_of_its_clean_scans_and_stays_thin():
    points = roc_points(np.random.default_rng(0).normal(3, 1, 500), np.random.default_rng(1).normal(size=5000))
    assert points[0][0] == 1 / 5000
    assert len(points) < 60


def test_tied_clean_scores_give_the_rate_of_those_above_and_no_finer_one():
    assert roc_points(np.array([2.0]), np.array([1.0] * 8 + [0.0] * 2)) == ((0.8, 1.0), (1.0, 1.0))


def test_bins_hold_every_scan_of_every_kind():
    scores = {"clean": np.random.default_rng(0).normal(size=300), "attacked": np.array([4.0, 1e6]), "none": np.empty(0)}
    found = histogram(scores)
    assert {name: sum(bins) for name, bins in found.counts.items()} == {"clean": 300, "attacked": 2}
    assert all(len(bins) == len(found.edges) - 1 for bins in found.counts.values())


def test_scores_that_are_all_alike_still_have_bins():
    assert sum(histogram({"clean": np.ones(5)}).counts["clean"]) == 5


def test_examples_are_the_usual_scan_and_the_missed_ones_by_their_hash(dataset):
    rows = attacked_rows(dataset, lighter)
    given, cells = examined(brightness, rows, dataset, tau=1e9)
    found = drawn(given, cells, look_at_controls(given))
    usual, *missed = found.examples
    scores = np.sort(cells[0].hit)
    assert (usual.kind, usual.score) == ("usual", scores[(N - 1) // 2])
    assert [one.score for one in missed] == scores[: len(missed)].tolist()
    for one in found.examples:
        assert one.levels_sha256 == pixels_sha256(rows.levels(one.row), 8)
        assert (one.item, one.flagged, one.called) == (int(rows.parent[one.row]), False, "bim")
        assert one.largest == 40
        assert {one.label, one.after} == {"dark", "bright"}


def test_a_detector_that_misses_nothing_has_no_missed_example(dataset):
    given, cells = examined(brightness, attacked_rows(dataset, lighter), dataset, tau=-1.0)
    assert [one.kind for one in drawn(given, cells, {}).examples] == ["usual"]


def test_attacks_that_all_failed_leave_no_curve_and_no_example(dataset):
    given, cells = examined(brightness, attacked_rows(dataset, lighter, status="failed"), dataset)
    found = drawn(given, cells, look_at_controls(given))
    assert (found.roc, found.examples) == ((), ())
    assert set(found.histogram.counts) == {"clean", "harmless change"}
    assert found.smallest_rate == 1 / N
