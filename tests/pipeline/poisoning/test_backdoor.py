import pytest

from pipeline.errors import BadPoison
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe, poisoned_rows, rates
from pipeline.poisoning.perturbation import INTERPOLATED, Perturbation
from pipeline.poisoning.triggers import Trigger


def test_dirty_label_stamps_images_of_other_classes(dataset):
    rows = poisoned_rows(dataset, BackdoorRecipe(target=1, rate=0.1))
    assert len(rows) == 9
    assert {dataset.items[i].label for i in rows} <= {0, 2}
    assert {dataset.items[i].split for i in rows} == {"train"}


def test_clean_label_stamps_images_of_the_target(dataset):
    rows = poisoned_rows(dataset, BackdoorRecipe(target=1, rate=0.1, labels=CLEAN))
    assert len(rows) == 9
    assert {dataset.items[i].label for i in rows} == {1}


def test_a_higher_rate_keeps_the_images_of_a_lower(dataset):
    few, many = (set(poisoned_rows(dataset, BackdoorRecipe(rate=rate))) for rate in (0.05, 0.3))
    assert few < many


def test_rates_count_of_all_and_of_the_target(dataset):
    dirty = rates(dataset, BackdoorRecipe(rate=0.1))
    assert (dirty.n, dirty.of_all, dirty.of_target) == (9, 0.1, 9 / 39)
    clean = rates(dataset, BackdoorRecipe(rate=0.1, labels=CLEAN))
    assert (clean.n, clean.of_all, clean.of_target) == (9, 0.1, 9 / 30)


def test_refuses_more_images_than_there_are(dataset):
    recipe = BackdoorRecipe(rate=0.4, labels=CLEAN)
    with pytest.raises(BadPoison, match=r"are 36, and only 30 are of the target class; give at most 33\.33 %"):
        poisoned_rows(dataset, recipe)


def test_refuses_a_rate_of_no_image(dataset):
    with pytest.raises(BadPoison, match=r"0\.1 % of 90 training images are none; give a higher rate"):
        poisoned_rows(dataset, BackdoorRecipe(rate=0.001))


@pytest.mark.parametrize("rate", [0, -0.1, 0.6, float("nan")])
def test_refuses_a_rate_outside_its_range(rate):
    with pytest.raises(BadPoison, match=r"of all training images; give more than 0, at most 0\.5"):
        BackdoorRecipe(rate=rate)


def test_refuses_what_does_not_fit(dataset):
    with pytest.raises(BadPoison, match="labels 'wrong'; give one of dirty, clean"):
        BackdoorRecipe(labels="wrong")
    with pytest.raises(BadPoison, match="a perturbation of dirty-label images; their wrong label is enough"):
        BackdoorRecipe(perturbation=Perturbation())
    with pytest.raises(BadPoison, match="a backdoor has no colour; it has trigger"):
        BackdoorRecipe.from_json({"colour": 1})
    with pytest.raises(BadPoison, match="bars has no class 3; give 0 to 2"):
        poisoned_rows(dataset, BackdoorRecipe(target=3))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"method": "magic"}, "by 'magic'; give one of pgd, cw, interpolated"),
        ({"eps": 0}, "eps 0; give a number from 0.001 to 1000"),
        ({"steps": 2.5}, "steps 2.5; give"),
        ({"share": 1.5}, "share 1.5; give a number from 0.01 to 1"),
        ({"kappa": float("nan")}, "kappa nan; give"),
        ({"radius": 1}, "a perturbation has no radius; it has method"),
    ],
)
def test_refuses_what_no_perturbation_has(given, said):
    with pytest.raises(BadPoison, match=said):
        Perturbation.from_json(given)


def test_comes_back_from_json():
    recipe = BackdoorRecipe(
        trigger=Trigger(height=3), labels=CLEAN, perturbation=Perturbation(method=INTERPOLATED, share=0.7), seed=2
    )
    assert BackdoorRecipe.from_json(recipe.to_json()) == recipe
