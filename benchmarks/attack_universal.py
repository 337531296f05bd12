"""A universal perturbation in the table of successes: fitted on training scans, judged on test scans."""

import numpy as np

from benchmarks.attack_figures import succeeded
from benchmarks.attack_subject import SEED, Rows, Subject
from datasets.progress import Progress
from pipeline.adversarial.plan import fit_images, fit_kind
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.attacks.universal import Universal
from pipeline.attacks.universal_fit import fit_universal

LEVELS = (4, 8)


def universal(subject: Subject, progress: Progress) -> Rows:
    """One perturbation a radius, fitted on the scans that a recipe would take of the split train.

    It has one shape, the commonest of the training scans; test scans of another one are not among the n.
    """
    attacks = [Universal(eps=k / 255) for k in LEVELS]
    return [
        subject.once("universal", attack.params(), lambda attack=attack: _measured(subject, attack, progress))
        for attack in attacks
    ]


def _measured(subject: Subject, attack: Universal, progress: Progress) -> dict[str, object]:
    dataset, kind = subject.dataset, fit_kind(subject.dataset)
    recipe = Recipe(attacks=(AttackSpec(name=attack.NAME, eps=(attack.eps,)),), seed=SEED)
    chosen = fit_images(recipe, dataset, attack.fit_images)
    fit = fit_universal(
        subject.model(),
        np.stack(dataset.batch(chosen)),
        kind[3],
        dataset.labels[chosen],
        eps=attack.eps,
        steps=attack.steps,
        seed=SEED,
        progress=progress,
    )
    row = succeeded(subject, fit.attack, kind=kind)
    fitted_on = f"{fit.n_images} training scans of which it fools {fit.n_fooled}"
    return {**row, "attack": f"universal, fitted on {fitted_on}", "n_fitted": fit.n_images, "n_fooled": fit.n_fooled}
