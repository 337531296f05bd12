"""Defaults and recipes of the forms are those of the pipeline."""

import pytest
from werkzeug.datastructures import MultiDict

from pipeline.adversarial.recipe import DEFAULT_RECIPE, Recipe
from pipeline.attacks.names import type_name
from pipeline.attacks.pgd import PGDL2
from pipeline.attacks.registry import ATTACKS
from pipeline.training.hardening_settings import HardeningSettings
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
    assert train.training() == {"epochs": usual.epochs, "seed": usual.seed}
    assert train.hardening_levels.data / 255 == HardeningSettings(method="fast").eps
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


@pytest.mark.usefixtures("request_context")
@pytest.mark.parametrize(
    ("sent", "how"),
    [
        ({"hardening": "none", "hardening_levels": "2"}, None),
        ({"hardening": "fast", "hardening_levels": "2"}, HardeningSettings(method="fast", eps=2 / 255)),
        ({"hardening": "pgd", "hardening_levels": ""}, HardeningSettings(method="pgd")),
    ],
)
def test_a_form_orders_the_hardening_that_it_shows(sent, how):
    form = TrainClassifierForm(MultiDict({"epochs": "3", "seed": "0", **sent}), meta={"csrf": False})
    assert form.hardening.validate(form)
    assert form.hardening_levels.validate(form)
    settings = TrainingSettings.from_json(form.training())
    assert (settings.epochs, settings.hardening) == (3, how)


@pytest.mark.usefixtures("request_context")
@pytest.mark.parametrize("levels", ["0", "-1", "128", "nan"])
def test_a_radius_of_a_hardening_that_is_none_is_refused(levels):
    form = TrainClassifierForm(MultiDict({"hardening": "fast", "hardening_levels": levels}), meta={"csrf": False})
    assert not form.hardening_levels.validate(form)
    assert form.hardening_levels.errors == ["Use more than 0 and at most 127."]


@pytest.mark.parametrize(
    ("asked", "field", "says"),
    [
        ({"harden": "trades"}, "harden", "Must be one of: none, fast, pgd"),
        ({"harden_eps": 0.01}, "harden_eps", "A radius without a hardening; give harden fast or pgd"),
        ({"harden": "fast", "harden_eps": 4}, "harden_eps", "hardening eps 4.0; give a fraction of the pixel range"),
        ({"harden": "pgd", "harden_eps": 0}, "harden_eps", "above 0 and below 0.5"),
        ({"harden": "pgd", "upload_id": "u"}, "harden", "An imported classifier is not trained; leave harden out"),
    ],
)
def test_an_order_of_a_hardening_that_cannot_be_is_refused(asked, field, says):
    faults = NewClassifier().validate({"dataset_id": "d", "name": "n", **asked})
    assert list(faults) == [field]
    assert says in faults[field][0]


def test_an_order_without_a_hardening_has_none():
    asked = NewClassifier().load({"dataset_id": "d", "name": "n"})
    assert (asked["harden"], asked["harden_eps"]) == ("none", None)
