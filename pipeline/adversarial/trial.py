"""How a recipe will be cut, said in a process that must not load torch; what is wrong with it shows here too."""

import json
from collections.abc import Mapping
from pathlib import Path

from datasets.errors import JailFailure
from datasets.jail import JailLimits, run_jailed
from datasets.store import open_dataset
from pipeline.adversarial.plan import plan
from pipeline.adversarial.recipe import Recipe
from pipeline.attacks.art_adapter import PREFIX
from pipeline.errors import BadRecipe

# As for weights on trial: torch and the toolbox take addresses, and a person waits.
_LIMITS = JailLimits(memory_bytes=10 << 30, cpu_s=90, wall_s=120.0, open_files=256)


def shard_rows(recipe: Mapping[str, object], dataset: Path, architecture: str) -> list[int]:
    """How many rows each shard of a recipe's plan has.

    The toolbox's attacks load torch to be checked. A recipe that may name one is planned in a child process, which
    takes seconds.

    Args:
        recipe: as JSON values.
        dataset: the folder of the data set.
        architecture: of the classifier.

    Raises:
        BadRecipe: the recipe is none, or does not fit the data set.
    """
    if f'"{PREFIX}' not in json.dumps(recipe):
        return planned(dict(recipe), str(dataset), architecture)
    args = {"recipe": dict(recipe), "dataset": str(dataset.resolve()), "architecture": architecture}
    try:
        told = run_jailed(f"{__name__}:planned", args, limits=_LIMITS)
    except JailFailure as e:
        raise BadRecipe(f"the recipe could not be tried: {e}; leave the attacks of {PREFIX} out") from e
    assert isinstance(told, list)  # noqa: S101 - what `planned` gives.
    return told


def planned(recipe: dict[str, object], dataset: str, architecture: str) -> list[int]:
    """The same, worked out right here."""
    made = plan(Recipe.from_json(recipe), open_dataset(Path(dataset)), architecture=architecture)
    return [sum(len(batch.parents) for batch in made.shard(k)) for k in range(len(made.shards))]
