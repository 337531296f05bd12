"""What the report on the detector runs; every default is fixed before any test scan is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from datasets.splits import Shares
from pipeline.adversarial.recipe import DEFAULT_RECIPE, AttackSpec, Recipe
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.compare import ComparisonSettings
from pipeline.detection.settings import DetectorSettings
from pipeline.run import Choices
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings

SEEDS = (0, 1, 2)
"""Every figure is of these, but those of attackers who know the gate and of other ways to detect, of the first."""

LEVELS = (1, 2, 4, 8)
SIGN_ATTACKS = ("fgsm", "bim", "pgd", "mim")
_EPS = tuple(k / 255 for k in LEVELS)
# The families of which several members are known are left out as a whole as well: BIM, PGD and MIM are near twins.
LEFT_OUT = (*((name,) for name in (*SIGN_ATTACKS, "cw")), ("bim", "pgd", "mim"))


def _test_only(*specs: AttackSpec, n: int) -> Recipe:
    return Recipe(attacks=specs, splits=("test",), per_cell={"test": n})


def _variants() -> dict[str, Recipe]:
    return {
        "head": _test_only(*(AttackSpec(name, _EPS, region="head") for name in SIGN_ATTACKS), n=200),
        "cw kappa 5": _test_only(AttackSpec("cw", None, {"kappa": 5.0}), n=200),
    }


def _never_trained() -> dict[str, Recipe]:
    """Costly attacks meet fewer scans."""
    return {
        "deepfool": _test_only(AttackSpec("deepfool"), n=200),
        "ddn": _test_only(AttackSpec("ddn"), n=100),
        "apgd": _test_only(AttackSpec("apgd", _EPS[1:]), n=100),
        "square": _test_only(AttackSpec("square", _EPS[2:], {"n_queries": 1000}), n=50),
        "universal": _test_only(AttackSpec("universal", _EPS[2:]), n=200),
        # As the toolbox presets them, of all pixels and 900 steps, one scan takes longer than all others together.
        "art:SaliencyMapMethod": _test_only(
            AttackSpec("art:SaliencyMapMethod", None, {"theta": 0.5, "gamma": 0.004}), n=12
        ),
        "art:ElasticNet": _test_only(
            AttackSpec("art:ElasticNet", None, {"max_iter": 40, "binary_search_steps": 3}), n=12
        ),
        "art:SpatialTransformation": _test_only(
            AttackSpec(
                "art:SpatialTransformation",
                None,
                {"max_translation": 5.0, "num_translations": 5, "max_rotation": 10.0, "num_rotations": 5},
            ),
            n=50,
        ),
    }


def _past() -> Recipe:
    return _test_only(*(AttackSpec(name, _EPS[1:]) for name in ("fgsm", "pgd")), AttackSpec("cw"), n=150)


def _hardened() -> TrainingSettings:
    return TrainingSettings(epochs=30, hardening=HardeningSettings(method="fast", eps=4 / 255))


def _adaptive() -> AdaptivePlan:
    return AdaptivePlan(n=16, grid=(*range(1, 13), 16))


def _methods() -> ComparisonSettings:
    return ComparisonSettings(n_clean=1000, n_attacked=100)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Everything that decides a figure.

    A seed decides the attacked scans, every random start, and the detector. The split and the classifier are those of
    `make results-main`, the same for all seeds; `other` is trained for the stage that asks about another classifier.

    Attributes:
        variants: sets of the test split that the static figures need beside the one that is trained on.
        never_trained: by the name of the attack.
        past: the attacks on test scans with another past.
        left_out: attacks that one detector each is not shown.
        only_eps: the radii that the detector of the stage `unseen-eps` is shown.
        hardened: the classifier of the stage `hardened`.
        adaptive: how attackers who know the gate go about it.
        evasions: scans that the detector which learns from attacks on itself is attacked on after each epoch.
        methods: on what the other ways of detecting are judged beside the detector.
    """

    name: str
    shares: Shares = field(default_factory=Shares)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    other: TrainingSettings = field(default_factory=lambda: TrainingSettings(seed=1))
    recipe: Recipe = DEFAULT_RECIPE
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    alpha: float = 0.01
    variants: Mapping[str, Recipe] = field(default_factory=_variants)
    never_trained: Mapping[str, Recipe] = field(default_factory=_never_trained)
    past: Recipe = field(default_factory=_past)
    left_out: tuple[tuple[str, ...], ...] = LEFT_OUT
    only_eps: tuple[float, ...] = (2 / 255,)
    hardened: TrainingSettings = field(default_factory=_hardened)
    adaptive: AdaptivePlan = field(default_factory=_adaptive)
    evasions: int = 150
    methods: ComparisonSettings = field(default_factory=_methods)

    def choices(self, seed: int) -> Choices:
        """What the main job is told for this seed; for seed 0 the same as by `make results-main`."""
        return Choices(
            name=self.name,
            seed=0,
            shares=self.shares,
            training=self.training,
            recipe=replace(self.recipe, seed=seed),
            detector=replace(self.detector, seed=seed),
            alpha=self.alpha,
        )
