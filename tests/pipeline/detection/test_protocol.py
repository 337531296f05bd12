"""What stands beside a detector's headline, on gates whose score is a formula: what must come out is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from datasets.benign import jpeg, sign_noise
from pipeline.detection import reencoded
from pipeline.detection.attacked import cell_row, handed_out
from pipeline.detection.background import zeroed_background
from pipeline.detection.controls import EQUAL_NORM, with_perturbation
from pipeline.detection.examined import loose_threshold, strict_rate
from pipeline.detection.noise import control_rows, equal_norm_rows, look_at_controls, paired_rows
from pipeline.detection.protocol_tables import strict_words
from pipeline.detection.reencoded import null_attack, reencoded_rows, survivor_rows
from pipeline.detection.shortcuts import FEATURES, shortcut_rows
from pipeline.detection.statistics import auroc
from tests.fixtures.examined import SIDE, HeadsOnBlack, N, attacked_rows, examined


@pytest.fixture(scope="module")
def dataset():
    return HeadsOnBlack()


def black_pixels_lit(levels):
    """Counts what shines where it should be black: the shortcut that a histogram learns."""
    return (levels[:, 0, :4] > 0).float().sum((1, 2))


def brightness(levels):
    return levels.mean((1, 2, 3))


def roughness(levels):
    return (levels[:, 0, :, 1:] - levels[:, 0, :, :-1]).abs().mean((1, 2))


def rough_air(levels):
    return (levels[:, 0, :4, 1:] - levels[:, 0, :4, :-1]).abs().mean((1, 2))


def sign(levels, rng):
    return levels + 4 * (rng.integers(0, 2, levels.shape) * 2 - 1)


def lifted(levels, rng):
    """An attack that the formula's classifier falls for, and that nothing but its first pixels shows."""
    moved = levels.copy()
    moved[:1, :9] = 250
    return moved


def test_a_detector_of_lit_background_falls_to_chance_without_it(dataset):
    given = examined(black_pixels_lit, attacked_rows(dataset, sign), dataset)
    assert given[1][0].hit.min() > given[0].clean.score.max()
    (row,), flagged = zeroed_background(*given)
    assert (row.auroc_before.value, row.auroc.value) == (1.0, 0.5)
    assert (row.n, row.n_clean, row.found.value, flagged.value) == (N, N, 0.0, 0.0)


def test_what_is_found_inside_the_head_is_found_without_the_background(dataset):
    (row,), _ = zeroed_background(*examined(roughness, attacked_rows(dataset, lambda x, rng: x * 2 // 3), dataset))
    assert row.auroc.value == row.auroc_before.value


def test_scans_without_a_background_are_left_out_of_the_zeroing():
    dataset = HeadsOnBlack()
    dataset._levels = np.clip(dataset._levels, 40, None)
    dataset._levels[:5] = HeadsOnBlack()._levels[:5]
    full = HeadsOnBlack()
    full._levels[5:] = np.random.default_rng(0).integers(60, 200, full._levels[5:].shape)
    (row,), _ = zeroed_background(*examined(brightness, attacked_rows(full, sign), full))
    assert (row.n, row.n_clean) == (5, 5)


def test_noise_of_equal_norm_is_told_apart_by_what_the_gate_sees_alone(dataset):
    given, cells = examined(rough_air, attacked_rows(dataset, sign), dataset)
    rows = {(row.noise, row.level): row for row in equal_norm_rows(given, cells, look_at_controls(given))}
    assert set(rows) == {(noise, 4) for noise in ("sign", "uniform", "Gaussian")}
    assert rows["sign", 4].auroc.value == pytest.approx(0.5, abs=0.2)
    assert rows["uniform", 4].auroc.value == 1.0
    assert rows["sign", 4].by_attack == {"bim": pytest.approx(rows["sign", 4].auroc.value)}
    assert (rows["sign", 4].n_attacked, rows["sign", 4].n_noise) == (N, N)


@pytest.mark.parametrize("level", [1, 2, 4, 8])
def test_noise_has_the_norm_that_it_is_named_by(level):
    levels, rng = np.full((60, 60, 1), 100, np.uint8), np.random.default_rng(0)

    def moved(noise):
        return EQUAL_NORM[noise, level](levels, 8, rng).astype(int) - 100

    assert abs(moved("sign")).min() == abs(moved("sign")).max() == abs(moved("uniform")).max() == level
    assert np.sqrt((moved("Gaussian") ** 2).mean()) == pytest.approx(level, rel=0.1)


def test_every_control_is_counted_at_the_threshold(dataset):
    given, cells = examined(brightness, attacked_rows(dataset, sign), dataset, tau=0.0)
    rows = {row.name: row for row in control_rows(given, cells, look_at_controls(given))}
    assert {"JPEG 95", "JPEG 90", "JPEG 75", "gamma 0.9", "gamma 1.1", "resize 0.9", "resize 0.95", "resize 1.1"} < set(
        rows
    )
    assert all(row.n == N and row.flagged.value == 1.0 for row in rows.values())


def test_changes_without_aim_keep_their_size_and_shuffled_ones_their_place(dataset):
    def column(levels, rng):
        moved = levels.copy()
        moved[SIDE // 2 - 2 : SIDE // 2 + 2, SIDE // 2 - 2 : SIDE // 2 + 2] += 30
        return moved

    def middle(levels):
        """Where the attack is, above a plain neighbour."""
        a = SIDE // 2
        return levels[:, 0, a - 2 : a + 2, a - 2 : a + 2].mean((1, 2)) - levels[
            :, 0, a - 8 : a - 4, a - 8 : a - 4
        ].mean((1, 2))

    given, cells = examined(middle, attacked_rows(dataset, column), dataset, tau=15.0)
    rows = {row.what: row for row in paired_rows(given, cells)}
    assert rows["scattered"].flagged.value == 0.0
    assert rows["scattered"].auroc.value == 1.0
    assert rows["shuffled"].flagged.value == 1.0
    assert rows["shuffled"].auroc.value < 0.8
    assert rows["shuffled"].fooled.value == 0.0


def test_a_shuffled_perturbation_is_another_scans(dataset):
    levels = dataset.levels(0)
    change = np.zeros(levels.shape, int)
    change[3, 4] = -7
    change[20, 20] = 9
    moved = with_perturbation(levels, 8, change)
    assert moved[3, 4] == 0
    assert (moved[20, 20] - levels[20, 20], int((moved != levels).sum())) == (9, 1)


def test_the_null_attack_goes_the_way_of_attacks(dataset, monkeypatch):
    given, _ = examined(roughness, attacked_rows(dataset, sign), dataset)
    real = reencoded.create("fgsm", {"eps": 8 / 255})
    monkeypatch.setattr(reencoded, "create", lambda *_: real)
    assert null_attack(given) > 0.7


def test_a_single_attacked_scan_has_no_other_to_shuffle_with(dataset):
    rows = attacked_rows(dataset, sign)
    rows.status[1:] = "failed"
    assert [row.what for row in paired_rows(*examined(roughness, rows, dataset))] == ["scattered"]


def test_writing_a_clean_scan_without_loss_leaves_no_trace(dataset):
    given, _ = examined(roughness, attacked_rows(dataset, sign), dataset)
    assert null_attack(given) == 0.5
    assert {row.file_format: row.auroc.value for row in reencoded_rows(given)} == {
        "png": 0.5,
        "tiff": 0.5,
        "dicom": 0.5,
    }


def test_depths_that_a_format_does_not_hold_are_left_out(dataset):
    deep = HeadsOnBlack()
    for item in deep.items:
        item.bits = 10
    given, _ = examined(roughness, attacked_rows(deep, sign), deep)
    deep._levels = deep._levels.astype(np.uint16)
    assert [row.file_format for row in reencoded_rows(given)] == ["png", "dicom"]


def test_what_an_attack_survives_is_told_apart_from_what_is_flagged(dataset):
    given, cells = examined(black_pixels_lit, attacked_rows(dataset, lifted), dataset, tau=1.0)
    rows = {row.change: row for row in survivor_rows(given, cells)}
    assert set(rows) == {"JPEG 90", "JPEG 75", "resize 0.9", "resize 0.95", "resize 1.1"}
    assert (rows["JPEG 90"].fooling.value, rows["JPEG 90"].flagged_fooling.value) == (1.0, 1.0)

    def scratch(levels, rng):
        moved = levels.copy()
        moved[0, 0] = 250
        return moved

    given, cells = examined(black_pixels_lit, attacked_rows(dataset, scratch), dataset, tau=1.0)
    rows = {row.change: row for row in survivor_rows(given, cells)}
    # A single pixel is blurred away, and of none that fools no share is flagged.
    assert rows["resize 0.9"].fooling.value == 0.0
    assert rows["resize 0.9"].flagged_fooling.value is None


def test_only_the_attacked_classifier_says_what_still_fools(dataset):
    given, cells = examined(roughness, attacked_rows(dataset, sign), dataset, own=False)
    assert survivor_rows(given, cells) == ()
    assert all(row.fooled.value is None for row in paired_rows(given, cells))


def test_shortcuts_tell_attacks_from_clean_files_and_not_from_noise(dataset):
    given, cells = examined(roughness, attacked_rows(dataset, sign), dataset)
    rows = {(row.feature, row.against): row for row in shortcut_rows(given, cells)}
    assert set(rows) == {(feature, against) for feature in FEATURES for against in ("clean", "sign noise")}
    assert rows["black share", "clean"].auroc.value == 1.0
    assert rows["file size", "clean"].auroc.value == 1.0
    assert rows["off-grid share", "clean"].auroc.value == 0.5
    assert all(rows[feature, "sign noise"].auroc.value < 0.8 for feature in FEATURES)
    assert all(row.auroc.value >= 0.5 and row.level == 4 and row.n == row.n_other == N for row in rows.values())


def test_features_are_what_they_are_named_by(dataset):
    spec = examined(roughness, attacked_rows(dataset, sign), dataset)[0].network.model.spec
    flat = np.full((SIDE, SIDE, 1), 10, np.uint8)
    half = flat.copy()
    half[::2] = 11
    assert FEATURES["LSB histogram"](flat, 8, spec) == 1.0
    assert FEATURES["LSB histogram"](half, 8, spec) == 0.0
    assert FEATURES["black share"](np.where(half == 11, 0, half).astype(np.uint8), 8, spec) == 0.5
    ramp = np.arange(2 * SIDE, dtype=np.uint8)[None, :, None].repeat(2 * SIDE, 0)
    assert FEATURES["off-grid share"](flat, 8, spec) == 0.0
    assert FEATURES["off-grid share"](ramp, 8, spec) > 0.9


def test_a_file_fresh_from_jpeg_lies_on_its_grid_until_something_is_added(dataset):
    rng = np.random.default_rng(0)
    spec = examined(roughness, attacked_rows(dataset, sign), dataset)[0].network.model.spec
    fresh = jpeg(rng.integers(60, 180, (SIDE, SIDE, 1)).astype(np.uint8), 8, 50, rng)
    assert FEATURES["JPEG off-grid share"](fresh, 8, spec) < 0.1
    assert FEATURES["JPEG off-grid share"](sign_noise(fresh, 8, 1, rng), 8, spec) > 0.25


def test_a_score_at_the_threshold_is_not_flagged(dataset):
    given, cells = examined(
        lambda levels: torch.full((len(levels),), 3.0), attacked_rows(dataset, lifted), dataset, tau=3.0
    )
    assert given.flagged(given.clean.score).value == 0.0
    assert cell_row(given, cells[0]).handed_out.value == handed_out(given, cells).accepted.value == 1.0


def test_wrong_answers_are_counted_over_all_that_was_attacked(dataset):
    rows = attacked_rows(dataset, lifted)
    rows.status[:4], rows.images[:4] = "failed", attacked_rows(dataset, sign).images[:4]
    rows.status[4:8] = "clean_wrong"
    given, cells = examined(roughness, rows, dataset, tau=-1.0)
    told = handed_out(given, cells)
    assert (told.n, told.undefended.value, told.accepted.value) == (N - 4, (N - 8) / (N - 4), 0.0)
    given, cells = examined(roughness, rows, dataset, tau=1e6)
    assert handed_out(given, cells).accepted.value == (N - 8) / (N - 4)


def test_attacks_that_failed_have_an_area_of_their_own_and_a_looser_rate_finds_more(dataset):
    rows = attacked_rows(dataset, sign)
    rows.status[:4] = "failed"
    given, cells = examined(roughness, rows, dataset)
    given = replace(given, tau=1e6, loose_tau=-1.0)
    row = cell_row(given, cells[0])
    assert (row.n, row.n_failed) == (N - 4, 4)
    score = cells[0].scores.score
    assert row.failed_auroc.value == auroc(score[:4], given.clean.score)
    assert row.auroc.value == auroc(score[4:], given.clean.score)
    assert (row.found.value, row.found_loose.value) == (0.0, 1.0)
    assert cell_row(replace(given, loose_tau=None), cells[0]).found_loose.value is None
    rows.status[:4] = "success"
    assert cell_row(given, cells[0]).failed_auroc.value is None


@pytest.mark.parametrize(("n", "supported"), [(20, False), (970, True)])
def test_five_per_cent_is_told_only_where_the_scans_support_it(n, supported):
    assert (loose_threshold(np.arange(n, dtype=float)) is not None) is supported


def test_what_fooled_another_classifier_is_handed_out_wrong_only_where_this_one_is(dataset):
    rows = attacked_rows(dataset, sign)
    assert (rows.pred_after != rows.label).all()
    given, cells = examined(roughness, rows, dataset, tau=1e6, own=False)
    assert handed_out(given, cells).undefended.value == 0.0


def test_regions_are_cells_of_their_own(dataset):
    rows = attacked_rows(dataset, sign)
    rows.region[: N // 2] = "head"
    given, cells = examined(roughness, rows, dataset)
    assert [(row.region, row.n) for row in (cell_row(given, cell) for cell in cells)] == [("head", 12), ("image", 12)]
    assert {row.level for row in shortcut_rows(given, cells)} == {4}
    assert equal_norm_rows(given, cells, look_at_controls(given))[0].n_attacked == 12


@pytest.mark.parametrize(("n", "supported", "rate"), [(970, False, 1 / 971), (1500, False, 0.001), (8000, True, 0.001)])
def test_the_strictest_rate_is_promised_only_where_the_scans_support_it(n, supported, rate):
    strict, tau = strict_rate(np.arange(n, dtype=float))
    assert (strict.supported, strict.rate) == (supported, pytest.approx(rate))
    assert tau < n
    words = strict_words(strict, n)
    assert ("cannot support 0.1%" in words) is not supported
    assert strict.band[0] < rate < strict.band[1]
