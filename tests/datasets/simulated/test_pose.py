import numpy as np

from datasets.simulated.pose import SELLA, Plane, random_pose


def poses(n: int, **options: bool):
    return [random_pose(np.random.default_rng(seed), 48, **options) for seed in range(n)]


def distance_to_sella(pose) -> float:
    return float(np.linalg.norm(pose.points - SELLA, axis=-1).min())


def test_every_plane_is_drawn():
    assert {pose.plane for pose in poses(40)} == set(Plane)


def test_a_sellar_slice_passes_through_the_sella():
    # 4 mm of spread, three standard deviations of warp and half a pixel.
    assert max(distance_to_sella(pose) for pose in poses(60, sellar=True)) < 4 + 3 * 2.5 + 3


def test_other_slices_show_the_sella_often_but_not_always():
    near = sum(distance_to_sella(pose) < 8 for pose in poses(120))
    assert 0.25 < near / 120 < 0.75


def test_a_slice_is_flat_but_for_rotation_and_warp():
    normal = {Plane.SAGITTAL: 0, Plane.CORONAL: 1, Plane.AXIAL: 2}
    for pose in poses(20):
        spread = np.ptp(pose.points, axis=(0, 1))
        assert spread[normal[pose.plane]] < 0.6 * np.delete(spread, normal[pose.plane]).min()


def test_pixels_are_as_large_as_the_pose_says():
    for pose in poses(10):
        steps = np.linalg.norm(np.diff(pose.points, axis=1), axis=-1)
        np.testing.assert_allclose(np.median(steps), pose.mm, rtol=0.25)


def test_both_directions_of_view_are_drawn():
    axial = [pose.points[24] for pose in poses(120) if pose.plane is Plane.AXIAL]
    rightwards = [bool(row[-1, 0] > row[0, 0]) for row in axial]
    assert 0.25 < np.mean(rightwards) < 0.75
