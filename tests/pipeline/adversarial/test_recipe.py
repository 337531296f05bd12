import json
from dataclasses import replace

import pytest

from pipeline.adversarial.recipe import DEFAULT_RECIPE, AttackSpec, Recipe
from pipeline.errors import BadRecipe

RECIPE = Recipe(
    attacks=(AttackSpec("pgd", [1 / 255, 8 / 255], {"steps": 4}), AttackSpec("cw")),
    splits=("test", "detector"),
    per_cell={"test": 5, "detector": None},
    seed=3,
    targeted=True,
)


@pytest.mark.parametrize("recipe", [RECIPE, DEFAULT_RECIPE], ids=["own", "default"])
def test_survives_json(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_every_attack_at_every_radius_is_a_cell() -> None:
    assert [(cell.NAME, cell.radius) for cell in RECIPE.cells()] == [
        ("pgd", 1 / 255),
        ("pgd", 8 / 255),
        ("cw", float("inf")),
    ]
    assert [cell.params().get("steps") for cell in RECIPE.cells()] == [4, 4, 100]


def test_one_radius_and_one_share_may_stand_alone() -> None:
    recipe = Recipe(attacks=(AttackSpec("fgsm", 8 / 255),), splits=("test",), per_cell=7)
    assert recipe.attacks[0].eps == (8 / 255,)
    assert recipe.share("test") == 7
    assert RECIPE.share("detector") is None


def test_the_default_has_all_five_attacks_at_four_radii() -> None:
    cells = [(cell.NAME, round(cell.radius * 255, 6)) for cell in DEFAULT_RECIPE.cells() if cell.BOUNDED]
    assert cells == [(name, k) for name in ("fgsm", "bim", "pgd", "mim") for k in (1, 2, 4, 8)]
    assert [cell.NAME for cell in DEFAULT_RECIPE.cells()].count("cw") == 1


def test_one_attack_may_stand_in_both_regions() -> None:
    recipe = Recipe(attacks=(AttackSpec("pgd", [0.1, 0.2]), AttackSpec("pgd", [0.1, 0.2], region="head")))
    assert recipe.regions() == ("image", "image", "head", "head")
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert "region" not in recipe.attacks[0].to_json()


def test_a_recipe_that_names_no_precision_is_of_fp32_and_reads_as_before() -> None:
    plain = Recipe.from_json({"attacks": ["pgd"]})
    assert plain == Recipe.from_json({"attacks": ["pgd"], "precision": "fp32"})
    assert (plain.precision, set(plain.to_json())) == ("fp32", {"attacks", "splits", "per_cell", "seed", "targeted"})
    quick = replace(plain, precision="bf16")
    assert quick.to_json() == {**plain.to_json(), "precision": "bf16"}
    assert Recipe.from_json(json.loads(json.dumps(quick.to_json()))) == quick


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "a recipe is a JSON object"),
        ({}, "a recipe is a JSON object with attacks"),
        ({"attacks": [], "seed": 0}, "name at least one attack"),
        ({"attacks": ["pgd"], "colour": 1}, "a recipe has no colour; it has attacks, splits"),
        ({"attacks": 5}, "attacks of type int; give a list"),
        ({"attacks": "pgd"}, "attacks of type str; give a list"),
        ({"attacks": ["pgd", 5]}, "attack 2 is of type int; give a name, or an object with name, eps, params, region"),
        ({"attacks": [{"eps": 0.1}]}, "attack 1 is an object without name"),
        ({"attacks": [{"name": "pgd", "colour": 1}]}, "attack 1 has no colour; it has name, eps, params, region"),
        ({"attacks": [{"name": "pgd", "params": {"loss": ["ce"]}}]}, "loss .'ce'.; give one of ce"),
        ({"attacks": [{"name": "pgd", "params": {"alpha": 10**400}}]}, "alpha 10+; give a number within"),
        ({"attacks": [{"name": "pgd", "eps": [k / 9999 for k in range(1001)]}]}, "attacks of 1001 radii in all"),
        ({"attacks": [{"name": ["pgd"]}]}, "give a name and a JSON object"),
        ({"attacks": [{"name": "pgd", "params": 3}]}, "give a name and a JSON object"),
        ({"attacks": ["fabulous"]}, "no attack 'fabulous'; there are fgsm"),
        ({"attacks": [{"name": "pgd", "eps": [-0.1]}]}, r"eps -0.1; a linf radius lies within \[0, 1\]"),
        ({"attacks": [{"name": "pgd", "eps": [1.5]}]}, r"^pgd: eps 1.5; a linf radius lies within \[0, 1\]"),
        ({"attacks": [{"name": "pgd", "eps": "8/255"}]}, "eps '8/255'"),
        ({"attacks": [{"name": "pgd", "eps": []}]}, "name at least one attack"),
        ({"attacks": [{"name": "pgd", "params": {"eps": 0.1}}]}, "give it as the attack's eps"),
        (
            {"attacks": ["pgd", {"name": "pgd", "eps": 8 / 255}]},
            "twice at one eps; give other parameters in another set",
        ),
        ({"attacks": [{"name": "pgd", "region": "neck"}]}, "region 'neck' of pgd; give one of image, head"),
        ({"attacks": [{"name": "pgd", "region": ["head"]}]}, "region .* of pgd; give one of image, head"),
        ({"attacks": ["pgd"], "splits": ["exam"]}, "give some of train, val, detector, calibration, test"),
        ({"attacks": ["pgd"], "splits": []}, "give some of train"),
        ({"attacks": ["pgd"], "splits": ["test", "test"]}, "give some of train"),
        ({"attacks": ["pgd"], "splits": [["test"]]}, "give some of train"),
        ({"attacks": ["pgd"], "splits": None}, "splits of type NoneType; give a list"),
        ({"attacks": ["pgd"], "targeted": "no"}, "targeted 'no'; give true or false"),
        ({"attacks": ["pgd"], "targeted": 1}, "targeted 1; give true or false"),
        ({"attacks": ["pgd"], "per_cell": 0}, "per_cell 0 for detector; give a whole number of at least 1"),
        ({"attacks": ["pgd"], "per_cell": {"train": 3}}, "per_cell names"),
        ({"attacks": ["pgd"], "precision": "fp16"}, "precision 'fp16'; give one of fp32, bf16"),
        ({"attacks": ["pgd"], "precision": ["bf16"]}, "precision .'bf16'.; give one of fp32, bf16"),
        ({"attacks": ["pgd"], "seed": -1}, "seed -1; give a whole number"),
    ],
)
def test_refuses_what_cannot_be_carried_out(values: object, message: str) -> None:
    with pytest.raises(BadRecipe, match=message):
        Recipe.from_json(values)
