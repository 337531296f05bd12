"""Defaults and recipes of the forms are those of the pipeline."""

import pytest
from werkzeug.datastructures import MultiDict

from pipeline.adversarial.recipe import DEFAULT_RECIPE, Recipe
from pipeline.attacks.names import type_name
from pipeline.attacks.pgd import PGDL2
from pipeline.attacks.registry import ATTACKS
from pipeline.training.settings import TrainingSettings
from webapp.api.order_schemas import NewAdversarialSet, NewClassifier
from webapp.app import create_app
from webapp.context import context
from webapp.forms.adversarial import AdversarialForm, parse_levels, recipe_of
from webapp.forms.classifiers import ImportClassifierForm, TrainClassifierForm


@pytest.fixture
def request_context(settings, database):
    with create_app(settings).test_request_context():
        yield
        context().database.dispose()


def test_an_attack_in_the_euclidean_norm_has_its_own_radius():
    made = Recipe.from_json(recipe_of(attacks=["fgsm", "pgd_l2", "cw"], eps=[1 / 255, 2 / 255], per_cell=5, seed=0))
    cells = [(attack.NAME, attack.radius) for attack in made.cells()]
    assert [name for name, _ in cells] == ["fgsm", "fgsm", "pgd_l2", "cw"]
    assert cells[2] == ("pgd_l2", PGDL2().eps) == ("pgd_l2", 1.0)


@pytest.mark.parametrize(
    ("text", "levels"), [("1, 2", [1, 2]), ("8/255", [8]), ("0.5; 1,1, 1.0", [0.5, 1]), ("8/255, 8, 4/255", [8, 4])]
)
def test_radii_are_read_in_levels_each_once(text, levels):
    assert parse_levels(text) == [level / 255 for level in levels]


@pytest.mark.parametrize(("text", "says"), [("1/2", "1/2 is no number"), ("0", "0 is not above 0 and at most 255")])
def test_radii_that_are_none_are_told(text, says):
    with pytest.raises(ValueError, match=says):
        parse_levels(text)


def test_a_usual_recipe_is_the_one_that_names_nothing_unusual():
    attacks, eps = ["fgsm", "cw"], [1 / 255]
    made = Recipe.from_json(recipe_of(attacks=attacks, eps=eps, per_cell=5, seed=0))
    plain = {"attacks": [{"name": "fgsm", "eps": eps}, {"name": "cw"}], "per_cell": 5}
    assert made.to_json() == Recipe.from_json(plain).to_json()


@pytest.mark.parametrize("name", list(ATTACKS))
def test_the_form_names_the_attacks_that_take_no_bf16(request_context, name):
    told = AdversarialForm().precision.description
    said = told.partition("precision, and ")[2].removesuffix(" take no other.").split(", ")
    assert (type_name(name) in said) == (not ATTACKS[name].TAKES_BF16)


def test_defaults_are_those_of_the_pipeline(request_context):
    usual = TrainingSettings()
    train, adversarial = TrainClassifierForm(), AdversarialForm()
    assert (train.side.data, train.epochs.data) == (usual.size, usual.epochs)
    assert ImportClassifierForm().side.data == usual.size
    assert adversarial.per_cell.data == DEFAULT_RECIPE.share("detector")
    assert str(DEFAULT_RECIPE.share("test")) in adversarial.per_cell.description
    asked = {"dataset_id": "d", "classifier_id": "c", "name": "n"}
    assert NewAdversarialSet().load(asked)["per_cell"] == adversarial.per_cell.data


@pytest.mark.parametrize("mean", ["nan", "inf", "1e9"])
def test_a_mean_is_a_finite_number(request_context, mean):
    form = ImportClassifierForm(data={}, meta={"csrf": False})
    form.mean.process_formdata([mean])
    form.mean.raw_data = [mean]
    assert not form.mean.validate(form)
    assert "mean" in NewClassifier().validate({"dataset_id": "d", "name": "n", "mean": float(mean)})


@pytest.mark.usefixtures("request_context")
def test_a_number_that_cannot_be_read_is_told_with_what_to_do():
    form = AdversarialForm(MultiDict({"seed": "four", "per_cell": "2.5"}), meta={"csrf": False})
    assert form.seed.process_errors == ["This is no whole number; give digits alone, such as 10."]
    assert form.per_cell.process_errors == ["This is no whole number; give digits alone, such as 10."]
