"""Radii in words: n/255 of a pixel, the length of a change, or none."""

import pytest

from pipeline.attacks.radii import radius_words


@pytest.mark.parametrize(
    ("eps", "attack", "words"),
    [
        (4 / 255, "pgd", "4/255"),
        (0.01568627543747425, "pgd", "4/255"),
        (0.0157, "bim", "4/255"),
        (0.5 / 255, "fgsm", "0.5/255"),
        (1.0, "fgm_l2", "length 1"),
        (0.25, "square_l2", "length 0.25"),
        (0.0, "cw", "its own"),
        (float("inf"), "deepfool", "its own"),
        (None, "ddn", "its own"),
        (8 / 255, "art:ProjectedGradientDescent", "8/255"),
    ],
)
def test_a_radius_is_said_in_the_unit_of_its_attack(eps: float | None, attack: str, words: str) -> None:
    assert radius_words(eps, attack) == words
