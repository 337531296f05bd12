import pytest

from pipeline.errors import BadPoison
from pipeline.poisoning.relabelling import FORM, numbered, relabelled


@pytest.mark.parametrize("text", ["40:0,41:left", "40=0, 41=left", " 40 : 0 \n41 = left", "40:0;41=left;"])
def test_both_signs_and_every_separator_say_the_same(text):
    assert relabelled(text) == {40: "0", 41: "left"}


def test_a_class_is_named_by_name_or_number_and_may_hold_a_sign(dataset):
    assert numbered({40: "0", 41: "right"}, dataset) == {40: 0, 41: 2}
    assert relabelled("3:grade=4") == {3: "grade=4"}
    assert relabelled(FORM) == {40: "0"}
    assert relabelled("") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("40", "40 names no class; give number and class, such as 40:0"),
        ("40:", "40: names no class"),
        ("x:0", "x is no number of an image; give digits alone, such as 40:0"),
        ("-1=0", "-1 is no number of an image"),
        ("\u0664:0", "is no number of an image"),
        ("40:0,40=1", "image 40 is named twice; name it once"),
    ],
)
def test_what_is_not_of_that_form_is_told(text, said):
    with pytest.raises(BadPoison, match=said):
        relabelled(text)


def test_a_class_that_is_not_there_is_told_with_those_that_are(dataset):
    with pytest.raises(BadPoison, match="bars has no class 'up'; its classes are left, middle, right"):
        numbered({40: "up"}, dataset)
