import numpy as np

from datasets.simulated.anatomy import CSF_MM, draw_head
from datasets.simulated.contrast import Tissue, random_palette


def test_brain_is_brighter_than_the_bone_around_it(head, rng):
    canvas = draw_head(head, random_palette(rng))
    bone = (head.outside > CSF_MM + 0.5) & (head.outside < CSF_MM + 1.5) & (head.points[..., 2] > 0)
    assert bone.any()
    assert np.median(canvas[head.outside < -8]) > 2 * np.median(canvas[bone])


def test_air_around_the_head_is_dark(head, rng):
    canvas = draw_head(head, random_palette(rng))
    air = (head.outside > 25) & (head.points[..., 2] > 20)
    assert air.any()
    assert canvas[air].max() < 0.05


def test_the_scalp_is_nearly_as_bright_as_fat(head, rng):
    palette = random_palette(rng)
    canvas = draw_head(head, palette)
    scalp = (np.abs(head.outside - (CSF_MM + head.skull_mm + 3)) < 1) & (head.points[..., 2] > 0)
    assert scalp.any()
    assert abs(np.median(canvas[scalp]) - palette[Tissue.FAT]) < 0.2


def test_pushing_the_brain_leaves_skull_and_face_as_they_are(head, rng):
    palette = random_palette(rng)
    still = draw_head(head, palette)
    moved = draw_head(head, palette, pushed=head.points + np.float32(3))
    beyond = head.outside > 6
    np.testing.assert_array_equal(still[beyond], moved[beyond])
    assert np.abs(still - moved)[head.outside < -5].max() > 0.05


def test_signal_stays_near_the_unit_range(head, rng):
    canvas = draw_head(head, random_palette(rng))
    assert np.isfinite(canvas).all()
    assert canvas.min() >= 0
    assert canvas.max() < 1.3
