"""The perturbations that a recipe leaves to be fitted: made once, kept in the work folder, told in the manifest.

Reading this module and a kept fit loads no torch; fitting does.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.adversarial_store import HEAD
from datasets.atomic import content_id, read_json, write_json
from datasets.head import head_mask
from datasets.progress import Progress, ignore
from datasets.store import Dataset
from pipeline.adversarial.plan import FIT_SPLIT, Plan, fit_images, fit_kind
from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import FP32
from pipeline.attacks.universal import Universal
from pipeline.errors import BadAttack, BadRecipe

if TYPE_CHECKING:
    from pipeline.models.adapter import PixelModel

# All images of a fitting are in memory at once, as float32: 256 MiB.
MAX_FIT_LEVELS = 1 << 26


@dataclass(frozen=True)
class Fit:
    """A fitted attack of a plan, with what a reader of the set should know of it."""

    attack: Universal
    facts: dict[str, Any]

    def to_json(self) -> dict[str, object]:
        """The fit as JSON values."""
        return {"attack": self.attack.NAME, "params": self.attack.params(), **self.facts}


def to_fit(made: Plan, cells: Iterable[int]) -> list[int]:
    """Those of the cells whose perturbation is yet to be fitted."""
    return [cell for cell in sorted(set(cells)) if _unfitted(made.cells[cell])]


def kept_fit(made: Plan, cell: int, classifier_id: str, work: Path) -> Fit | None:
    """The fit of a cell, if the work folder has it whole."""
    try:
        values: Any = read_json(_path(made, cell, classifier_id, work))
        facts = {name: value for name, value in values.items() if name not in ("attack", "params")}
        attack = Universal(**values["params"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # Absent or damaged; either way it is made again, to the same levels.
    asked = made.cells[cell]
    return Fit(attack, facts) if attack.delta and replace(attack, delta="") == asked else None


def fitted(
    made: Plan,
    cells: Iterable[int],
    dataset: Dataset,
    model: "PixelModel",
    classifier_id: str,
    work: Path | None,
    progress: Progress = ignore,
) -> dict[int, Attack]:
    """The attack of each of the cells, fitted where it has to be.

    A fit depends on the data set, the classifier, the attack and the recipe's seed alone, and lies in the work folder
    under a name made from them: all shards and a resumed build use one.

    Raises:
        BadRecipe: there is something to fit and no work folder, or no image that can be fitted on.
    """
    attacks = {cell: made.cells[cell] for cell in cells}
    for cell in to_fit(made, attacks):
        if work is None:
            raise BadRecipe("the recipe has a perturbation to fit; give the work folder that all its shards share")
        fit = kept_fit(made, cell, classifier_id, work)
        if fit is None:
            fit = _fit(made, cell, dataset, model, progress)
            write_json(_path(made, cell, classifier_id, work), fit.to_json())
        attacks[cell] = fit.attack
    return attacks


def _fit(made: Plan, cell: int, dataset: Dataset, model: "PixelModel", progress: Progress) -> Fit:
    from pipeline.attacks.universal_fit import fit_universal

    attack = made.cells[cell]
    assert isinstance(attack, Universal)  # noqa: S101 - `to_fit` gave it.
    kind = fit_kind(dataset)
    n = max(1, min(attack.fit_images, MAX_FIT_LEVELS // (kind[0] * kind[1] * kind[2])))
    chosen = fit_images(made.recipe, dataset, n)
    levels = np.stack(dataset.batch(chosen))
    region = made.regions[cell]
    try:
        found = fit_universal(
            model,
            levels,
            kind[3],
            dataset.labels[chosen],
            eps=attack.eps,
            steps=attack.steps,
            seed=made.recipe.seed,
            target="least_likely" if made.recipe.targeted else None,
            mask=np.stack([head_mask(image, kind[3]).mask for image in levels]) if region == HEAD else None,
            progress=progress,
        )
    except BadAttack as e:
        raise BadRecipe(f"universal cannot be fitted on split {FIT_SPLIT} of {dataset.name}: {e}") from e
    facts = {
        "region": region,
        "split": FIT_SPLIT,
        "shape": list(kind[:3]),
        "bits": kind[3],
        "n_images": found.n_images,
        "n_fooled": found.n_fooled,
        "seed": made.recipe.seed,
        "precision": FP32,
        "device": model.mean.device.type,
        "delta_sha256": sha256(found.attack.delta.encode()).hexdigest(),
    }
    return Fit(replace(attack, delta=found.attack.delta), facts)


def _unfitted(attack: Attack) -> bool:
    return isinstance(attack, Universal) and not attack.delta


def _path(made: Plan, cell: int, classifier_id: str, work: Path) -> Path:
    key = content_id(
        {
            "dataset": made.dataset_id,
            "classifier": classifier_id,
            "params": made.cells[cell].params(),
            "region": made.regions[cell],
            "seed": made.recipe.seed,
            "targeted": made.recipe.targeted,
        }
    )
    return work / f"universal-{key}.json"
