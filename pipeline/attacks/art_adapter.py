"""Any evasion attack of the Adversarial Robustness Toolbox as one of ours: `art:<its class>`.

The toolbox is an extra, see requirements-art.txt. Reading this module needs neither it nor torch; naming one of its
attacks loads both. Its import makes a folder `.art` in the home directory, which is its own and stays empty for us.
"""

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.attacks.attack import Attack, Tick
from pipeline.attacks.budget import Norm, check_eps
from pipeline.errors import BadAttack

if TYPE_CHECKING:
    from pipeline.attacks.problem import Problem
    from pipeline.attacks.result import AttackResult

PREFIX = "art:"
INSTALL = ".venv/bin/python -m pip install -r requirements-art.txt -c constraints.txt"
# Ours to set: the goal, one image at a time, silence, no writing of logs, no processes, no loading of other objects.
OURS = frozenset({"targeted", "batch_size", "verbose", "summary_writer", "parallel", "mask", "estimator_orig"})
# Its `eps` is no radius of pixels but bounds a transport of mass.
_OTHER_EPS = frozenset({"Wasserstein"})
# One perturbation for a batch: image by image it would be none; ours is `universal`.
_OF_MANY = frozenset({"UniversalPerturbation", "TargetedUniversalPerturbation"})
# A bound without a parameter `norm`.
_NORM_OF = {"VirtualAdversarialMethod": Norm.L2}
# Their classes go to `y` where there is no parameter `targeted`; without a target they draw one.
AIMED_BY_Y = frozenset({"SaliencyMapMethod"})
# These read the classifier's outputs as probabilities.
OF_PROBABILITIES = frozenset({"SimBA", "NewtonFool", "VirtualAdversarialMethod"})
# Counts of which an attack makes the product of gradients; for an estimate of time.
_COUNTS = ("max_iter", "nb_steps", "binary_search_steps", "nb_random_init", "nb_restarts", "num_translations")


@dataclass(frozen=True, kw_only=True)
class ArtAttack(Attack):
    """An attack of the toolbox; subclasses are made by `art_class`, one for each of its classes.

    Attributes:
        eps: the radius, where the attack has one; else None.
        given: its other parameters by the toolbox's own names.
    """

    TYPE: ClassVar[str] = "art"
    NORM: ClassVar[Norm] = Norm.L2
    BOUNDED: ClassVar[bool] = False
    SHORTENED: ClassVar[bool] = False
    ART: ClassVar[str] = ""

    eps: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_gradients(self) -> int:
        """A guess from its own counts, which bound its work only roughly."""
        values = defaults(toolbox_class(self.ART)) | dict(self.given)
        counts = [value for name in _COUNTS if isinstance(value := values.get(name), int) and value > 0]
        return math.prod(counts)

    def params(self) -> dict[str, object]:
        """The parameters as JSON values, by the toolbox's names."""
        return {**self.given, **({"eps": self.eps} if self.BOUNDED else {})}

    def solve(self, problem: "Problem", seeds: Sequence[int], tick: Tick) -> "AttackResult":
        """Attack image by image, and judge what comes back."""
        from pipeline.attacks.art_generate import generated

        return generated(problem, self, seeds, tick)


def art_attack(name: str, params: Mapping[str, Any]) -> ArtAttack:
    """An attack from `art:<class>` and parameters by the toolbox's names.

    Raises:
        BadAttack: the toolbox is not installed, has no such attack on pixels, or refuses the parameters.
    """
    toolbox = toolbox_class(_class_name(name))
    known = sorted(set(toolbox.attack_params) - OURS)
    if unknown := sorted(set(params) - set(known)):
        raise BadAttack(f"{name} has no parameter {', '.join(unknown)} to set; it has {', '.join(known)}")
    given = dict(params)
    try:
        json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as e:
        raise BadAttack(f"{name}: {e}; give numbers, text, true or false, and lists of them") from e
    cls = _with_norm(name, str(given.get("norm", defaults(toolbox).get("norm", "inf"))))
    eps = given.pop("eps", defaults(toolbox).get("eps")) if cls.BOUNDED else None
    if eps is not None:
        check_eps(eps, cls.NORM)
    attack = cls(eps=None if eps is None else float(eps), given=given)
    from pipeline.attacks.art_generate import try_parameters

    try_parameters(attack)
    return attack


def art_class(name: str) -> type[ArtAttack]:
    """Our class for `art:<class>`, with the norm that it has by default.

    Raises:
        BadAttack: the toolbox is not installed or has no such attack on pixels.
    """
    return _with_norm(name, str(defaults(toolbox_class(_class_name(name))).get("norm", "inf")))


@lru_cache(maxsize=64)
def _with_norm(name: str, norm: str) -> type[ArtAttack]:
    art = _class_name(name)
    toolbox = toolbox_class(art)
    bounded = "eps" in toolbox.attack_params and art not in _OTHER_EPS
    if bounded and norm not in ("inf", "2", "2.0"):
        raise BadAttack(f"{name} with norm {norm}: no such bound can be held on a file; give 2 or inf")
    measured = _NORM_OF.get(art, Norm.LINF if norm == "inf" else Norm.L2)
    return type(
        f"Art{art}",
        (ArtAttack,),
        {
            "__doc__": f"The toolbox's {art}.",
            "NAME": name,
            "TITLE": f"{art} of the Adversarial Robustness Toolbox",
            "NORM": measured if bounded else Norm.L2,
            "BOUNDED": bounded,
            "ART": art,
        },
    )


@lru_cache(maxsize=64)
def toolbox_class(art: str) -> Any:
    """The toolbox's own class.

    Raises:
        BadAttack: the toolbox is not installed, or has no evasion attack of this name on image classifiers.
    """
    try:
        from art.attacks import evasion
    except ImportError as e:
        raise BadAttack(f"art:{art} needs the Adversarial Robustness Toolbox ({e}); install it: {INSTALL}") from e
    found: Any = getattr(evasion, art, None)
    if not _is_attack(found):
        names = {name for name, one in vars(evasion).items() if _is_attack(one) and _takes_pixels(one)} - _OF_MANY
        raise BadAttack(
            f"the toolbox has no attack {art!r}; take one of {', '.join(sorted(names))}, "
            "of which some want parameters or further packages"
        )
    if art in _OF_MANY:
        raise BadAttack(f"art:{art} needs many images at once; take the attack universal instead")
    if not _takes_pixels(found):
        raise BadAttack(f"art:{art} attacks no classifier of pixels in PyTorch; choose another one")
    return found


def _is_attack(found: object) -> bool:
    from art.attacks import EvasionAttack

    return inspect.isclass(found) and issubclass(found, EvasionAttack)


def _takes_pixels(toolbox: Any) -> bool:
    """Whether it attacks image classifiers of PyTorch; the toolbox asks the same of an object, here there is none."""
    from art.estimators.classification import PyTorchClassifier

    requirements: Any = getattr(toolbox, "_estimator_requirements", ())
    wanted = [one if isinstance(one, tuple) else (one,) for one in requirements]
    return bool(wanted) and all(set(one) & set(PyTorchClassifier.__mro__) for one in wanted)


def _class_name(name: str) -> str:
    return name.removeprefix(PREFIX)


def defaults(toolbox: Any) -> dict[str, Any]:
    """What the parameters are when they are not given."""
    parameters = inspect.signature(toolbox.__init__).parameters.values()
    return {one.name: one.default for one in parameters if one.default is not one.empty}
