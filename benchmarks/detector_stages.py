"""The measurements behind docs/results/detector.md, stage by stage, each for one seed."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec

from benchmarks.detector_past import PASTS, with_past
from benchmarks.detector_work import Json, On, Work
from pipeline.adversarial.recipe import Recipe
from pipeline.run import Made

STATIC, VARIANTS, LEAVE_OUT, UNSEEN_EPS, NEVER, OTHER, PAST, HARD = (
    "static",
    "variants",
    "leave-one-out",
    "unseen-eps",
    "never-trained",
    "other-classifier",
    "other-past",
    "hardened",
)


def static(work: Work, seed: int) -> list[Json]:
    """The detector of this seed with everything that stands beside it."""
    on = plain_chain(work, seed)
    return [work.figures(STATIC, seed, "static", on.ids, lambda: work.examined(f"seed {seed}", on, beside=True))]


def variants(work: Work, seed: int) -> list[Json]:
    """The same detector on attacks inside the head, and on C&W with a margin."""
    return _on_sets(work, seed, VARIANTS, work.plan.variants)


def never_trained(work: Work, seed: int) -> list[Json]:
    """The same detector on attacks that no detector is ever shown; one that is not installed is left out."""
    has_toolbox = find_spec("art") is not None
    available = {
        name: recipe
        for name, recipe in work.plan.never_trained.items()
        if has_toolbox or not any(attack.name.startswith("art:") for attack in recipe.attacks)
    }
    return _on_sets(work, seed, NEVER, available)


def leave_one_out(work: Work, seed: int) -> list[Json]:
    """Detectors that were not shown an attack, or a family, on just that."""
    found, made = [], work.chain(seed)
    for names in work.plan.left_out:
        settings = replace(work.plan.detector, seed=seed, leave_out=names)
        on = replace(_on(made), detector=work.detector(made, made.classifier, made.adversarial, settings))
        what = " + ".join(names)
        found.append(work.figures(LEAVE_OUT, seed, what, on.ids, lambda on=on, what=what: work.examined(what, on)))
    return found


def unseen_eps(work: Work, seed: int) -> list[Json]:
    """A detector that was shown one radius, on all."""
    made = work.chain(seed)
    settings = replace(work.plan.detector, seed=seed, only_eps=work.plan.only_eps)
    on = replace(_on(made), detector=work.detector(made, made.classifier, made.adversarial, settings))
    return [work.figures(UNSEEN_EPS, seed, "unseen eps", on.ids, lambda: work.examined("unseen eps", on))]


def other_classifier(work: Work, seed: int) -> list[Json]:
    """Attacks on another classifier: before the gate of the first one as it is, and before a detector refitted."""
    made = work.chain(seed)
    other = work.classifier(made, work.plan.other)
    rows = work.set_of(made.dataset, other, work.plan.recipe, seed, "another classifier")
    refitted = work.detector(made, other, rows, replace(work.plan.detector, seed=seed))
    cases = {
        "without refit": On(made.detector, rows, made.dataset, made.classifier),
        "with refit": On(refitted, rows, made.dataset, other),
    }
    return [
        work.figures(OTHER, seed, what, on.ids, lambda on=on, what=what: work.examined(what, on))
        for what, on in cases.items()
    ]


def other_past(work: Work, seed: int) -> list[Json]:
    """The same detector on the same attacks, made on test scans that have lost what their archive left in them."""
    made, found = work.chain(seed), []
    for what, control in PASTS.items():
        dataset = with_past(work, made.dataset, control)
        rows = work.set_of(dataset, made.classifier, work.plan.past, seed, what)
        on = On(made.detector, rows, dataset, made.classifier)
        found.append(work.figures(PAST, seed, what, on.ids, lambda on=on, what=what: work.examined(what, on)))
    return found


def hardened(work: Work, seed: int) -> list[Json]:
    """A classifier that learned from attacks, with attacks and a detector of its own."""
    on = hardened_chain(work, seed)
    return [work.figures(HARD, seed, HARD, on.ids, lambda: work.examined(HARD, on))]


def plain_chain(work: Work, seed: int) -> On:
    """What the main job makes."""
    return _on(work.chain(seed))


def hardened_chain(work: Work, seed: int) -> On:
    """The same from a classifier that learned from attacks on."""
    made = work.chain(seed)
    classifier = work.classifier(made, work.plan.hardened)
    rows = work.set_of(made.dataset, classifier, work.plan.recipe, seed, "the hardened classifier")
    detector = work.detector(made, classifier, rows, replace(work.plan.detector, seed=seed))
    return On(detector, rows, made.dataset, classifier)


def evasive_chain(work: Work, seed: int) -> On:
    """The chain of the main job with a detector that learned from attacks on itself."""
    made = work.chain(seed)
    settings = replace(work.plan.detector, seed=seed, evasions=work.plan.evasions)
    return replace(_on(made), detector=work.detector(made, made.classifier, made.adversarial, settings))


STAGES: dict[str, Callable[[Work, int], list[Json]]] = {
    STATIC: static,
    VARIANTS: variants,
    LEAVE_OUT: leave_one_out,
    UNSEEN_EPS: unseen_eps,
    NEVER: never_trained,
    OTHER: other_classifier,
    PAST: other_past,
    HARD: hardened,
}
"""Every stage by name, called for one seed."""


def _on(made: Made) -> On:
    return On(made.detector, made.adversarial, made.dataset, made.classifier)


def _on_sets(work: Work, seed: int, stage: str, recipes: Mapping[str, Recipe]) -> list[Json]:
    made, found = work.chain(seed), []
    for what, recipe in recipes.items():
        rows = work.set_of(made.dataset, made.classifier, recipe, seed, what)
        on = replace(_on(made), rows=rows)
        found.append(work.figures(stage, seed, what, on.ids, lambda on=on, what=what: work.examined(what, on)))
    return found
