import numpy as np
import pytest

from pipeline.errors import BadPoison
from pipeline.poisoning.triggers import BLEND, CORNERS, Trigger

GREY = np.full((6, 8, 1), 100, dtype=np.uint8)


def test_the_default_is_two_by_two_white_in_the_lower_right_corner():
    stamped = Trigger().stamped(GREY, 8)
    assert (stamped[-2:, -2:] == 255).all()
    assert (stamped != GREY).sum() == 4
    assert (GREY == 100).all()


@pytest.mark.parametrize("place", CORNERS)
def test_lies_in_each_corner(place):
    rows, columns, _ = np.nonzero(Trigger(place=place, height=1, width=3).stamped(GREY, 8) != GREY)
    assert set(rows) == {0 if "top" in place else 5}
    assert set(columns) == ({0, 1, 2} if "left" in place else {5, 6, 7})


def test_lies_where_it_is_put():
    rows, columns, _ = np.nonzero(Trigger(place="2,3", height=2, width=1, value=0).stamped(GREY, 8) != GREY)
    assert (rows.tolist(), columns.tolist()) == ([2, 3], [3, 3])


def test_mixes_by_its_strength_on_the_lattice():
    assert Trigger(strength=0.5).stamped(GREY, 8)[-1, -1, 0] == round(0.5 * 100 + 0.5 * 255)
    deep = np.full((6, 8, 1), 1000, dtype=np.uint16)
    stamped = Trigger(strength=0.5).stamped(deep, 12)
    assert stamped.dtype == np.uint16
    assert stamped[-1, -1, 0] == round(0.5 * 1000 + 0.5 * 4095)


def test_a_blend_is_the_same_pattern_in_every_image_and_of_every_channel():
    trigger = Trigger(kind=BLEND, strength=0.25, seed=3)
    black, grey = (trigger.stamped(np.full((6, 8, 3), level, np.uint8), 8).astype(float) for level in (0, 100))
    np.testing.assert_allclose(grey - black, 75, atol=1)
    assert (black[..., 0] == black[..., 2]).all()
    assert np.ptp(black) > 40
    other = Trigger(kind=BLEND, strength=0.25, seed=4).stamped(np.zeros((6, 8, 3), np.uint8), 8)
    assert (other != black).mean() > 0.5


@pytest.mark.parametrize("trigger", [Trigger(place="5,0"), Trigger(place="0,7"), Trigger(height=7), Trigger(width=9)])
def test_refuses_to_lie_off_the_image(trigger):
    with pytest.raises(BadPoison, match=r"lies off an image of 6x8; move it, or make it smaller"):
        trigger.stamped(GREY, 8)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "glow"}, "kind 'glow'; give one of patch, blend"),
        ({"height": 0}, "trigger height 0; give 1 to 2048"),
        ({"width": 2.5}, "trigger width 2.5; give a whole number"),
        ({"value": 1.5}, "trigger value 1.5; give 0 to 1"),
        ({"value": "white"}, "trigger value 'white'; give a number"),
        ({"strength": 0}, "strength 0 changes nothing"),
        ({"strength": float("nan")}, "trigger strength nan; give 0 to 1"),
        ({"place": "middle"}, "a trigger at 'middle'; give top-left"),
        ({"place": "-1,2"}, "a trigger at '-1,2'"),
        ({"colour": 1}, "a trigger has no colour"),
    ],
)
def test_refuses_what_no_trigger_has(given, said):
    with pytest.raises(BadPoison, match=said):
        Trigger.from_json(given)


def test_comes_back_from_json():
    trigger = Trigger(kind=BLEND, strength=0.1, seed=5)
    assert Trigger.from_json(trigger.to_json()) == trigger
