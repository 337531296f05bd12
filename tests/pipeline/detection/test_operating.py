"""Other rates than the one that is judged, on gates whose score is a formula."""

import numpy as np
import pytest

from pipeline.detection.operating import margin_rows, operating_rows
from tests.fixtures.examined import HeadsOnBlack, N, attacked_rows, examined

CALIBRATION = np.arange(1000.0)


def first_pixels(levels):
    """The score is written into the scan: its second and third pixel, as one number."""
    return 256 * levels[:, 0, 0, 1] + levels[:, 0, 0, 2]


def scored(scores):
    """An attack that fools the formula's classifier, and whose scan k has the k-th of these scores."""
    left = iter(scores)

    def change(levels, rng):
        moved, score = levels.copy(), next(left)
        moved[0, :3, 0] = 250, score // 256, score % 256
        return moved

    return change


@pytest.fixture(scope="module")
def dataset():
    return HeadsOnBlack()


def test_a_row_stands_for_each_offered_rate_and_for_the_uncertain_one(dataset):
    given, cells = examined(first_pixels, attacked_rows(dataset, scored([0] * N)), dataset)
    rates = [row.alpha for row in operating_rows(given, cells, CALIBRATION, 0.015)]
    assert rates == [0.015, 0.02, 0.03, 0.05, 0.1, 0.2]


def test_a_rate_holds_what_lies_above_its_own_threshold(dataset):
    # Of 1,000 scores 0 to 999, 991 is flagged at 1 % and not 990; at 2 % all from 981 on.
    given, cells = examined(first_pixels, attacked_rows(dataset, scored([999] * 12 + [985] * 12)), dataset)
    at = {row.alpha: row for row in operating_rows(given, cells, CALIBRATION, 0.01)}
    assert (at[0.01].found.value, at[0.02].found.value) == (0.5, 1.0)
    assert (at[0.01].handed_out.value, at[0.02].handed_out.value) == (0.5, 0.0)
    assert (at[0.01].accepted.value, at[0.01].right_accepted.value, at[0.01].n_clean) == (1.0, 1.0, N)


def test_a_scan_is_held_only_where_every_attack_on_it_is(dataset):
    rows = attacked_rows(dataset, scored([999] * 12 + [0] * 12))
    rows.parent[:] = np.arange(N) % 8
    given, cells = examined(first_pixels, rows, dataset)
    row = operating_rows(given, cells, CALIBRATION, 0.01)[0]
    # Every one of the 8 scans has an attack that is held and one that is not.
    assert (row.n_hits, row.n_parents, row.found.value) == (N, 8, 0.5)
    assert row.all_found.value == 0.0
    rows.parent[:] = np.arange(N)
    given, cells = examined(first_pixels, rows, dataset)
    assert operating_rows(given, cells, CALIBRATION, 0.01)[0].all_found.value == 0.5


def test_alarms_are_counted_by_how_sure_the_classifier_is(dataset):
    given, _ = examined(first_pixels, attacked_rows(dataset, scored([0] * N)), dataset)
    given.clean.margin[:] = np.arange(N)
    given.clean.score[:] = np.where(np.arange(N) < N // 4, 1.0, -1.0)
    rows = margin_rows(given)
    assert [row.n for row in rows] == [N // 4] * 4
    assert [row.flagged.value for row in rows] == [1.0, 0.0, 0.0, 0.0]
    assert rows[0].margin == "least sure quarter"
