import numpy as np
import pytest

from datasets.simulated.anatomy import draw_head
from datasets.simulated.contrast import Tissue, random_palette
from datasets.simulated.lesions import random_glioma, random_meningioma, random_pituitary
from datasets.simulated.pose import SELLA

GROWERS = [random_glioma, random_meningioma, random_pituitary]


def lesions(grow, head, n: int = 12):
    return [grow(np.random.default_rng(seed), head) for seed in range(n)]


@pytest.mark.parametrize("grow", GROWERS)
def test_a_lesion_changes_its_place_and_leaves_far_pixels_alone(grow, head, rng):
    palette = random_palette(rng)
    for lesion in lesions(grow, head):
        healthy = draw_head(head, palette)
        canvas = healthy.copy()
        lesion.draw(canvas, head, palette)
        distance = np.linalg.norm(head.points - lesion.mass.centre, axis=-1)
        change = np.abs(canvas - healthy)
        assert change[distance < lesion.mass.radii.max()].max() > 0.05
        assert change[distance > 3.5 * lesion.mass.radii.max()].max() < 0.01


@pytest.mark.parametrize("grow", GROWERS)
def test_a_lesion_pushes_tissue_away_from_its_centre_and_never_across_it(grow, head):
    for lesion in lesions(grow, head, 5):
        away = head.points - lesion.mass.centre
        source = lesion.push(head.points) - lesion.mass.centre
        assert (np.linalg.norm(source, axis=-1) <= np.linalg.norm(away, axis=-1) + 1e-3).all()
        assert (np.einsum("...i,...i->...", source, away) >= 0).all()


def test_a_glioma_stays_inside_the_brain(head, rng):
    palette = random_palette(rng)
    for lesion in lesions(random_glioma, head):
        healthy = draw_head(head, palette)
        canvas = healthy.copy()
        lesion.draw(canvas, head, palette)
        np.testing.assert_array_equal(canvas[head.outside > 0.5], healthy[head.outside > 0.5])


def test_a_meningioma_touches_the_dura_or_the_falx_but_not_the_bone(head, rng):
    palette = random_palette(rng)
    for lesion in lesions(random_meningioma, head):
        canvas = draw_head(head, palette)
        healthy = canvas.copy()
        lesion.draw(canvas, head, palette)
        np.testing.assert_array_equal(canvas[head.outside > 4], healthy[head.outside > 4])
        reached = np.linalg.norm((head.points - lesion.mass.centre) / lesion.mass.radii, axis=-1) < 1
        on_skull = head.outside[reached].max() > -3
        on_falx = np.abs(head.points[..., 0][reached]).min() < 5
        assert on_skull or on_falx


def test_an_adenoma_lies_on_the_midline_in_the_sella(head):
    for lesion in lesions(random_pituitary, head):
        assert np.linalg.norm(lesion.mass.centre - SELLA) < 14
        assert abs(lesion.mass.centre[0]) < 6
        # Its floor stays where the sella's is.
        assert abs(lesion.mass.centre[2] - lesion.mass.radii[2] - (SELLA[2] - 9)) < 0.1


def test_a_meningioma_is_more_even_than_a_glioma(head, rng):
    palette = random_palette(rng)

    def spread(lesion) -> float:
        canvas = np.full(head.outside.shape, palette[Tissue.GREY], dtype=np.float32)
        lesion.draw(canvas, head, palette)
        inside = np.linalg.norm((head.points - lesion.mass.centre) / lesion.mass.radii, axis=-1) < 0.8
        return float(canvas[inside & (head.outside < -2)].std())

    even = np.median([spread(lesion) for lesion in lesions(random_meningioma, head)])
    uneven = np.median([spread(lesion) for lesion in lesions(random_glioma, head)])
    assert even < 0.5 * uneven
