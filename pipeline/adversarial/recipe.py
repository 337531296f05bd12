"""What an adversarial set is to hold; reading it loads no torch."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields

from datasets.adversarial_store import HEAD, WHOLE_IMAGE
from datasets.splits import SPLITS
from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import FP32, check_flag, check_precision
from pipeline.attacks.registry import create
from pipeline.errors import BadAttack, BadRecipe

ASKED_REGIONS = (WHOLE_IMAGE, HEAD)
DEFAULT_SPLITS = ("detector", "test")
MAX_SEED = 2**63 - 1
MAX_CELLS = 1000


@dataclass(frozen=True)
class AttackSpec:
    """One attack with every radius to use and its other parameters.

    `eps` may be given as one number or several, in pixel fractions; None is the attack's own. `region` is where pixels
    may change: in the whole image, or inside the head only.
    """

    name: str
    eps: Sequence[float] | float | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    region: str = WHOLE_IMAGE

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.params, Mapping):
            raise BadRecipe(f"attack {self.name!r} with params {self.params!r}; give a name and a JSON object")
        if self.region not in ASKED_REGIONS:
            raise BadRecipe(f"region {self.region!r} of {self.name}; give one of {', '.join(ASKED_REGIONS)}")
        if self.eps is not None:
            # A text is a sequence too, of letters; what is neither list nor tuple is one radius, right or wrong.
            several = self.eps if isinstance(self.eps, list | tuple) else [self.eps]
            object.__setattr__(self, "eps", tuple(several))
        object.__setattr__(self, "params", dict(self.params))

    def attacks(self) -> tuple[Attack, ...]:
        """The attack at each of its radii.

        Raises:
            BadAttack: no such attack or parameter, or a value that is not allowed.
        """
        if "eps" in self.params:
            raise BadAttack(f"{self.name}: eps among the parameters; give it as the attack's eps")
        if self.eps is None:
            return (self._made({}),)
        radii = self.eps if isinstance(self.eps, tuple) else ()
        return tuple(self._made({"eps": radius}) for radius in radii)

    def _made(self, radius: Mapping[str, object]) -> Attack:
        try:
            return create(self.name, {**self.params, **radius})
        except BadAttack as e:
            # A recipe holds many attacks; the one that is refused is named.
            raise e if self.name in str(e) else BadAttack(f"{self.name}: {e}") from e

    def to_json(self) -> dict[str, object]:
        """The specification as JSON values."""
        eps = list(self.eps) if isinstance(self.eps, tuple) else None
        values: dict[str, object] = {"name": self.name, "eps": eps, "params": dict(self.params)}
        # Left out where it is the usual one, so that recipes keep the ids they had before there were regions.
        return values if self.region == WHOLE_IMAGE else {**values, "region": self.region}


@dataclass(frozen=True)
class Recipe:
    """Attacks, images and seed of an adversarial set.

    Every attack at every radius is a cell; each cell gets its images from each split.

    Attributes:
        attacks: no attack twice at one radius in one region.
        splits: of the data set, none twice.
        per_cell: images a cell takes of each split, one number for all splits or one for each;
            None for all images of the split.
        seed: of the choice of images and of every random start.
        targeted: aim at the class that the classifier believes in least, instead of any wrong one.
        precision: of the gradients of the attacks that take it; the others take theirs in fp32.

    Raises:
        BadRecipe: nothing to do, something twice, or an attack that cannot be.
    """

    attacks: tuple[AttackSpec, ...]
    splits: tuple[str, ...] = DEFAULT_SPLITS
    per_cell: int | Mapping[str, int | None] | None = None
    seed: int = 0
    targeted: bool = False
    precision: str = FP32

    def __post_init__(self) -> None:
        object.__setattr__(self, "attacks", tuple(self.attacks))
        object.__setattr__(self, "splits", tuple(self.splits))
        try:
            check_precision(self.precision)
            check_flag("targeted", self.targeted)
            cells = [
                (attack.NAME, attack.radius, region)
                for attack, region in zip(self.cells(), self.regions(), strict=True)
            ]
        except BadAttack as e:
            raise BadRecipe(str(e)) from e
        if not cells:
            raise BadRecipe("no attack, or one without any eps; name at least one attack")
        if len(cells) > MAX_CELLS:
            raise BadRecipe(f"attacks of {len(cells)} radii in all; give at most {MAX_CELLS}, and more in another set")
        if twice := sorted(cell for cell, n in Counter(cells).items() if n > 1):
            raise BadRecipe(f"{twice[0][0]} twice at one eps; give other parameters in another set")
        known = [split for split in self.splits if split in SPLITS]
        if not known or len(set(known)) < len(self.splits):
            raise BadRecipe(f"splits {list(self.splits)}; give some of {', '.join(SPLITS)}, each once")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed <= MAX_SEED:
            raise BadRecipe(f"seed {self.seed!r}; give a whole number within [0, {MAX_SEED}]")
        self._check_shares()

    def cells(self) -> tuple[Attack, ...]:
        """Every attack at every radius, in the order given."""
        return tuple(attack for spec in self.attacks for attack in spec.attacks())

    def regions(self) -> tuple[str, ...]:
        """Where the attack of each cell may change pixels, in the order of `cells`."""
        return tuple(spec.region for spec in self.attacks for _ in spec.attacks())

    def share(self, split: str) -> int | None:
        """How many images a cell takes of a split; None for all."""
        return self.per_cell.get(split) if isinstance(self.per_cell, Mapping) else self.per_cell

    def to_json(self) -> dict[str, object]:
        """The recipe as JSON values."""
        values: dict[str, object] = {
            "attacks": [spec.to_json() for spec in self.attacks],
            "splits": list(self.splits),
            "per_cell": dict(self.per_cell) if isinstance(self.per_cell, Mapping) else self.per_cell,
            "seed": self.seed,
            "targeted": self.targeted,
        }
        # Left out where it is the usual one, so that recipes keep the ids they had before there was another.
        return values if self.precision == FP32 else {**values, "precision": self.precision}

    @classmethod
    def from_json(cls, values: object) -> "Recipe":
        """The recipe from what `to_json` gave, or from the same written by hand.

        Raises:
            BadRecipe: a key is missing, unknown or of another type.
        """
        known = [one.name for one in fields(cls)]
        if not isinstance(values, Mapping) or "attacks" not in values:
            raise BadRecipe(f"a recipe is a JSON object with attacks and some of {', '.join(known[1:])}")
        if unknown := sorted(set(values) - set(known)):
            raise BadRecipe(f"a recipe has no {', '.join(unknown)}; it has {', '.join(known)}")
        for name in ("attacks", "splits"):
            if not isinstance(values.get(name, []), list | tuple):
                raise BadRecipe(f"{name} of type {type(values[name]).__name__}; give a list")
        attacks = tuple(_spec(number, spec) for number, spec in enumerate(values["attacks"], 1))
        return cls(**{**values, "attacks": attacks})

    def _check_shares(self) -> None:
        if isinstance(self.per_cell, Mapping) and set(self.per_cell) - set(self.splits):
            raise BadRecipe(f"per_cell names {sorted(self.per_cell)}; give some of {', '.join(self.splits)}")
        for split in self.splits:
            share = self.share(split)
            if share is not None and (not isinstance(share, int) or isinstance(share, bool) or share < 1):
                raise BadRecipe(f"per_cell {share!r} for {split}; give a whole number of at least 1, or none for all")


_LEVELS = (1 / 255, 2 / 255, 4 / 255, 8 / 255)

DEFAULT_RECIPE = Recipe(
    attacks=(*(AttackSpec(name, _LEVELS) for name in ("fgsm", "bim", "pgd", "mim")), AttackSpec("cw")),
    # Enough for an AUROC within a point in each cell, and some ten minutes on two cores at 224x224.
    per_cell={"detector": 400, "test": 200},
)
"""All five attacks at 1, 2, 4 and 8/255, the last one without a radius."""


def _spec(number: int, values: object) -> AttackSpec:
    """The specification that stands at this place of the list: a name, or an object."""
    known = [one.name for one in fields(AttackSpec)]
    if isinstance(values, str):
        return AttackSpec(values)
    if not isinstance(values, Mapping) or "name" not in values:
        found = "an object without name" if isinstance(values, Mapping) else f"of type {type(values).__name__}"
        raise BadRecipe(f"attack {number} is {found}; give a name, or an object with {', '.join(known)}")
    if unknown := sorted(set(values) - set(known)):
        raise BadRecipe(f"attack {number} has no {', '.join(unknown)}; it has {', '.join(known)}")
    return AttackSpec(**values)
