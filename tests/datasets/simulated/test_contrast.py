import numpy as np

from datasets.simulated.contrast import T2_SHARE, Tissue, paint, random_palette


def is_t2(palette) -> bool:
    return palette[Tissue.CSF] > palette[Tissue.WHITE]


def test_both_weightings_are_drawn_in_their_shares():
    drawn = [is_t2(random_palette(np.random.default_rng(seed))) for seed in range(300)]
    assert abs(np.mean(drawn) - T2_SHARE) < 0.08


def test_a_palette_holds_every_tissue_once_and_stays_a_signal():
    palette = random_palette(np.random.default_rng(3))
    assert set(palette) == set(Tissue)
    assert all(0 < signal < 1.3 for signal in palette.values())


def test_paint_mixes_by_weight_in_place():
    canvas = np.array([0.2, 0.2, 0.2], dtype=np.float32)
    paint(canvas, np.array([0.0, 0.5, 1.0], dtype=np.float32), 0.8)
    np.testing.assert_allclose(canvas, [0.2, 0.5, 0.8], rtol=1e-6)
