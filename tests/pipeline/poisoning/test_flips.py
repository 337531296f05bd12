from dataclasses import replace

import pytest

from pipeline.errors import BadPoison
from pipeline.poisoning.flips import CYCLIC, KINDS, ONE_WAY, PAIRWISE, UNIFORM, FlipRecipe, flipped
from tests.pipeline.poisoning.pictures import pictures


def recipe(kind: str = ONE_WAY, ratio: float = 0.2, **more) -> FlipRecipe:
    named = {"source": 0, "target": 2} if kind in (ONE_WAY, PAIRWISE) else {}
    return FlipRecipe(kind=kind, ratio=ratio, **{**named, **more})


def test_one_way_flips_its_share_of_the_source_and_nothing_else(dataset):
    changed = flipped(dataset, recipe())
    assert len(changed) == 6  # 20 % of 30
    assert {dataset.items[i].label for i in changed} == {0}
    assert {dataset.items[i].split for i in changed} == {"train"}
    assert set(changed.values()) == {2}


def test_pairwise_flips_both_ways(dataset):
    changed = flipped(dataset, recipe(PAIRWISE))
    assert {(dataset.items[i].label, label) for i, label in changed.items()} == {(0, 2), (2, 0)}
    assert len(changed) == 12


def test_cyclic_flips_every_class_to_the_next(dataset):
    changed = flipped(dataset, recipe(CYCLIC, 0.5))
    assert {(dataset.items[i].label, label) for i, label in changed.items()} == {(0, 1), (1, 2), (2, 0)}
    assert len(changed) == 45


def test_uniform_flips_to_any_other_class_and_never_to_its_own(tmp_path):
    dataset = pictures(tmp_path / "many", n_train=900)
    changed = flipped(dataset, recipe(UNIFORM, 0.5))
    assert len(changed) == 450
    pairs = [(dataset.items[i].label, label) for i, label in changed.items()]
    assert all(pairs.count((a, b)) > 50 for a in range(3) for b in range(3) if a != b)
    assert all(a != b for a, b in pairs)


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_share_keeps_the_smaller(dataset, kind):
    few, many = flipped(dataset, recipe(kind, 0.1)), flipped(dataset, recipe(kind, 0.4))
    assert set(few) < set(many)


@pytest.mark.parametrize("kind", KINDS)
def test_is_the_same_again_and_another_for_another_seed(dataset, kind):
    assert flipped(dataset, recipe(kind)) == flipped(dataset, recipe(kind))
    assert flipped(dataset, recipe(kind)) != flipped(dataset, recipe(kind, seed=1))


def test_flips_the_same_pictures_in_any_order_of_the_data_set(dataset):
    turned = replace(dataset, items=dataset.items[::-1])
    names = {dataset.items[i].name for i in flipped(dataset, recipe())}
    assert {turned.items[i].name for i in flipped(turned, recipe())} == names


def test_nothing_is_flipped_at_a_ratio_of_zero(dataset):
    assert flipped(dataset, recipe(ratio=0.0)) == {}


@pytest.mark.parametrize("ratio", [-0.01, 0.51, float("nan")])
def test_refuses_a_ratio_beyond_half(ratio):
    with pytest.raises(BadPoison, match=r"a ratio of .*; give 0 to 0\.5"):
        recipe(ratio=ratio)


def test_refuses_a_source_that_is_the_target():
    with pytest.raises(BadPoison, match="source and target are both class 1; name two classes"):
        FlipRecipe(source=1, target=1)


def test_refuses_classes_where_none_or_both_belong():
    with pytest.raises(BadPoison, match="name source and target"):
        FlipRecipe(source=1)
    with pytest.raises(BadPoison, match="concern every class; leave source and target out"):
        FlipRecipe(kind=CYCLIC, source=0, target=1)


def test_refuses_what_it_does_not_know(dataset):
    with pytest.raises(BadPoison, match=r"kind 'some'; give one of one_way, pairwise, cyclic, uniform"):
        FlipRecipe(kind="some")
    with pytest.raises(BadPoison, match="flips have no share; there are kind"):
        FlipRecipe.from_json({"share": 0.1})
    with pytest.raises(BadPoison, match="bars has no class 3; give 0 to 2"):
        flipped(dataset, FlipRecipe(source=0, target=3))
    with pytest.raises(BadPoison, match="bars has no val image of left; choose another class"):
        flipped(dataset, recipe(), "val")


def test_warns_from_45_percent_that_nothing_can_tell():
    assert recipe(ratio=0.44).warning(3) is None
    assert "nothing in the data can tell flips from truth" in str(recipe(ratio=0.45).warning(3))
    assert recipe(UNIFORM, 0.5).warning(3) is None  # The truth is still the most frequent label.
    assert recipe(UNIFORM, 0.5).warning(2) == recipe(ratio=0.5).warning(2)  # There is one other class to scatter to.


def test_comes_back_from_json():
    for kind in KINDS:
        assert FlipRecipe.from_json(recipe(kind).to_json()) == recipe(kind)


def test_labels_are_plain_integers(dataset):
    assert all(type(i) is int and type(label) is int for i, label in flipped(dataset, recipe(UNIFORM)).items())
