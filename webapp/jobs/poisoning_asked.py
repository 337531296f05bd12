"""What the parameters of a run of the poisoning lab ask for; known without torch."""

from typing import Any

from datasets.store import Dataset
from pipeline.poisoning.backdoor import BackdoorRecipe, taught
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import FLIPS, Recipe
from pipeline.poisoning.proxy import proxy_training
from pipeline.poisoning.quick import quick_hardening, quick_settings
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings
from webapp.jobs.registry import Params

FLIPPED = "poisoned model"
"""What the models are called in a run, beside those that have their name from a recipe."""


def recipe_of(params: Params) -> Recipe:
    """What a run poisons.

    Raises:
        BadPoison: no recipe can be so.
    """
    kind = FlipRecipe if params["lab"] == FLIPS else BackdoorRecipe
    return kind.from_json(params["recipe"])


def poisonings(recipe: Recipe) -> dict[str, Recipe]:
    """Every poisoned data set of a run, by the words of the model that learns from it."""
    return {FLIPPED: recipe} if isinstance(recipe, FlipRecipe) else dict(taught(recipe))


def settings_asked(params: Params, dataset: Dataset) -> TrainingSettings:
    """How all classifiers of a run are trained: what suits the images, but for what was asked otherwise.

    Raises:
        BadTraining: a value outside its range.
    """
    usual = quick_settings(dataset, seed=recipe_of(params).seed)
    return TrainingSettings.from_json({**usual.to_json(), **params.get("settings", {})})


def proxy_of_its_own(dataset: Dataset) -> dict[str, Any]:
    """What an order says where the run shall train its proxy: none is named, and how one is hardened."""
    return {"proxy_id": None, "hardening": quick_hardening(dataset).to_json()}


def proxy_settings(params: Params, dataset: Dataset) -> TrainingSettings | None:
    """How the run trains its proxy; None where it trains none. Of another seed than the models that it helps to attack.

    Raises:
        BadTraining: a value outside its range.
    """
    if params.get("hardening") is None:
        return None
    return proxy_training(settings_asked(params, dataset), HardeningSettings.from_json(params["hardening"]))
