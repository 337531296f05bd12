import numpy as np

from datasets.simulated.contrast import random_palette
from datasets.simulated.face import draw_face, skin_depth

SCALP_MM = np.float32(14)


def test_chin_and_neck_are_inside_the_skin_and_the_room_before_the_face_is_not():
    inside_then_outside = np.array([(0, 70, -110), (0, -40, -130), (0, 160, -60), (120, 0, 0)], dtype=np.float32)
    depth = skin_depth(inside_then_outside, np.full(4, 60, dtype=np.float32), scalp_mm=SCALP_MM)
    np.testing.assert_array_equal(depth > 0, [True, True, False, False])


def test_over_the_vault_the_skin_lies_at_the_scalps_thickness():
    outside = np.array([10.0, 14.0, 18.0], dtype=np.float32)
    vault = np.tile(np.array([0, -20, 95], dtype=np.float32), (3, 1))
    np.testing.assert_allclose(skin_depth(vault, outside, scalp_mm=SCALP_MM), [4, 0, -4], atol=0.5)


def test_nothing_is_drawn_outside_the_skin(head, rng):
    depth = skin_depth(head.points, head.outside, scalp_mm=SCALP_MM)
    canvas = np.zeros(depth.shape, dtype=np.float32)
    draw_face(canvas, head.points, depth, random_palette(rng), folds=head.folds, texture=head.texture)
    assert (canvas[depth < -1] == 0).all()
    assert canvas[depth > 1].any()


def test_left_and_right_are_the_same_but_for_noise(rng):
    points = rng.uniform(-60, 60, (30, 30, 3)).astype(np.float32)
    mirrored = points * np.array([-1, 1, 1], dtype=np.float32)
    palette, even = random_palette(rng), np.ones((30, 30), dtype=np.float32)
    canvases = []
    for side in (points, mirrored):
        canvas = np.zeros((30, 30), dtype=np.float32)
        draw_face(canvas, side, 20 * even, palette, folds=even, texture=even)
        canvases.append(canvas)
    np.testing.assert_array_equal(*canvases)
