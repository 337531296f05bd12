import json

import numpy as np
import pytest
import torch

from pipeline.detection import samples as samples_module
from pipeline.detection.controls import STANDARD_CONTROLS, draw_harmless, scattered
from pipeline.detection.division import divide, shown_rows
from pipeline.detection.evasions import Perturbed
from pipeline.detection.histories import History
from pipeline.detection.samples import Samples, attack_cells, draw_row
from pipeline.detection.settings import DetectorSettings
from pipeline.errors import BadDetector


@pytest.fixture(scope="module")
def rows(tiny_chain):
    return tiny_chain.adversarial_set.rows()


@pytest.fixture(scope="module")
def parts(tiny_chain, rows):
    return divide(tiny_chain.dataset, rows, held_out=0.3, seed=0)


def samples(tiny_chain, rows, part, **settings):
    settings = DetectorSettings(**{"draws": 8, "batch": 4, "crop": None, **settings})
    return Samples(tiny_chain.dataset, rows, part, tiny_chain.classifier.spec, settings)


def test_no_group_is_on_both_sides(tiny_chain, parts):
    groups = tiny_chain.dataset.groups
    assert not set(groups[parts[0].clean]) & set(groups[parts[1].clean])
    assert sorted(np.concatenate([part.clean for part in parts])) == list(tiny_chain.dataset.indices("detector"))


def test_only_attacks_that_succeeded_on_scans_of_the_part_count(rows, parts):
    for part in parts:
        assert set(rows.status[part.attacked]) == {"success"}
        assert set(rows.parent[part.attacked]) <= set(part.clean)


def test_a_split_without_successful_attacks_is_refused(tiny_chain, rows):
    with pytest.raises(BadDetector, match=r"no successful attack among the \d+ scans to learn from of the split 'val'"):
        divide(tiny_chain.dataset, rows, held_out=0.3, seed=0, split="val")


def test_a_batch_holds_attacked_clean_and_harmless_in_equal_parts(tiny_chain, rows, parts):
    batch = next(samples(tiny_chain, rows, parts[0]).batches(0))
    assert batch.pixels.shape == (12, 1, 32, 32)
    assert batch.is_adv.tolist() == [True] * 4 + [False] * 8


def test_only_scans_of_the_part_are_drawn(tiny_chain, rows, parts, monkeypatch):
    drawn, dataset = [], tiny_chain.dataset
    original = type(dataset).levels
    monkeypatch.setattr(type(dataset), "levels", lambda self, item: drawn.append(item) or original(self, item))
    list(samples(tiny_chain, rows, parts[0], draws=80).batches(0))
    assert set(drawn) <= set(parts[0].clean.tolist())
    assert set(drawn) - set(rows.parent[parts[0].attacked].tolist())


def test_what_is_compared_went_through_the_same(tiny_chain, rows, parts, monkeypatch):
    darker = History(before=lambda levels, *_: np.minimum(levels, 90), after=lambda levels, *_: levels // 2)
    monkeypatch.setattr(samples_module, "draw_history", lambda *_: darker)
    monkeypatch.setattr(samples_module, "draw_harmless", lambda levels, *_: levels)
    batch = next(samples(tiny_chain, rows, parts[0]).batches(0))
    levels = (batch.pixels * 255).round()
    assert levels[:4].max() < 90
    assert levels[4:].max() <= 45
    attacked = next(samples(tiny_chain, rows, parts[0]).batches(0)).pixels[:4]
    assert not torch.equal(attacked, batch.pixels[4:8])


def test_gaps_of_a_stretched_scan_are_closed_before_the_crop(tiny_chain, rows, parts, monkeypatch):
    stretched = History(after=lambda levels, *_: levels // 32 * 2)
    monkeypatch.setattr(samples_module, "draw_history", lambda *_: stretched)
    monkeypatch.setattr(samples_module, "draw_harmless", lambda levels, *_: levels)
    pixels = next(samples(tiny_chain, rows, parts[0], crop=16).batches(0)).pixels[4:]
    assert (pixels * 255).round().unique().diff().tolist() == [1.0] * 3


def test_batches_depend_on_settings_and_number_alone(tiny_chain, rows, parts):
    whole = list(samples(tiny_chain, rows, parts[0]).batches(1))
    again = list(samples(tiny_chain, rows, parts[0]).batches(1))
    assert all(torch.equal(a.pixels, b.pixels) for a, b in zip(whole, again, strict=True))
    assert not torch.equal(whole[0].pixels, whole[1].pixels)


def test_a_share_of_the_attacked_is_drawn_from_evasions(tiny_chain, rows, parts):
    parent = int(parts[0].clean[0])
    change = np.full(tiny_chain.dataset.levels(parent).shape, 255, np.int32)
    made = [Perturbed(parent, change, 1.0)]
    drawn = samples(tiny_chain, rows, parts[0], evasive=0.5, draws=400)

    def n_white(evasions):
        """Scans of which half is white: only the evasion moves levels so far."""
        halves = [(batch.pixels[:4] == 1).float().mean((1, 2, 3)) > 0.5 for batch in drawn.batches(1, evasions)]
        return int(torch.cat(halves).sum())

    assert 140 < n_white(made) < 260
    assert n_white([]) == 0


def test_radii_are_those_of_the_largest_change(tiny_chain, rows, parts):
    assert samples(tiny_chain, rows, parts[0]).radii() == pytest.approx([16 / 255])


def test_turning_and_cropping_invent_no_levels(tiny_chain, rows, parts):
    batch = next(samples(tiny_chain, rows, parts[0], crop=20).batches(0))
    assert batch.pixels.shape[2:] == (20, 20)
    levels = batch.pixels * 255
    torch.testing.assert_close(levels, levels.round(), atol=1e-3, rtol=0)


def test_every_type_is_drawn_equally_often(rows, parts):
    cells = attack_cells(rows, parts[0].attacked)
    rng = np.random.default_rng(0)
    drawn = rows.attack[[draw_row(cells, rng) for _ in range(400)]]
    assert 140 < (drawn == "fgsm").sum() < 260


@pytest.mark.parametrize("bits", [8, 12])
def test_harmless_scans_keep_shape_type_and_box(bits):
    rng = np.random.default_rng(0)
    levels = rng.integers(0, 2**bits, (20, 24, 1)).astype(np.uint8 if bits == 8 else np.uint16)
    changes = rng.integers(-3, 4, levels.shape)
    made = [draw_harmless(levels, bits, changes, 3 / (2**bits - 1), rng) for _ in range(30)]
    made += [control(levels, bits, rng) for control in STANDARD_CONTROLS.values()]
    for changed in made:
        assert changed.shape == levels.shape
        assert changed.dtype == levels.dtype
        assert changed.max() < 2**bits


def test_scattered_changes_keep_every_norm():
    rng = np.random.default_rng(0)
    levels = np.full((9, 9, 1), 100, np.uint8)
    changes = np.zeros((9, 9, 1), int)
    changes[2:4, 3, 0] = (-5, 2)
    moved = scattered(levels, 8, changes, rng).astype(int) - levels
    assert sorted(moved[moved != 0]) == [-5, 2]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs 0; give 1 to 1000"),
        ({"crop": 4}, "crop 4; give at least 16"),
        ({"lr": float("nan")}, "lr nan; give"),
        ({"colour": 1}, "no detector setting colour"),
        ({"leave_out": "pgd"}, r"leave_out 'pgd'; give a list, such as \["),
        ({"only_eps": ["2/255"]}, "only_eps .*; give a list"),
    ],
)
def test_settings_out_of_range_are_refused(values, message):
    with pytest.raises(BadDetector, match=message):
        DetectorSettings.from_json(values)


def test_settings_come_back_from_json():
    for settings in (
        DetectorSettings(epochs=3, crop=None),
        DetectorSettings(leave_out=("pgd",), only_eps=(2 / 255,)),
    ):
        assert DetectorSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings
    assert "leave_out" not in DetectorSettings().to_json()


def test_the_radii_to_learn_from_are_found_among_single_precision_ones(rows):
    assert shown_rows(rows, DetectorSettings(only_eps=(16 / 255,))).all()
    assert (shown_rows(rows, DetectorSettings(leave_out=("pgd",))) == (rows.attack == "fgsm")).all()
