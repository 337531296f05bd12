"""Calling the toolbox on single images, in a state of its own, and judging what it gives back."""

import logging
import random
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.attacks.art_adapter import AIMED_BY_Y, OF_PROBABILITIES, ArtAttack, defaults, toolbox_class
from pipeline.attacks.attack import Tick
from pipeline.attacks.problem import Problem
from pipeline.attacks.projections import PROJECTIONS
from pipeline.attacks.result import AttackResult, reasons
from pipeline.errors import BadAttack

# What numpy's global generator takes as a seed.
_NUMPY_SEEDS = 2**32
# How the toolbox says that it cannot: parameters, shapes, or a package that it would need. What a model raises for
# itself is a RuntimeError.
_REFUSALS = (ValueError, TypeError, IndexError, AttributeError, AssertionError, ImportError)


class _Counted(nn.Module):
    """A model that counts the forward passes that a gradient was wanted of, and gives the numbers an attack asks for.

    Some of the toolbox's attacks compute in float64 and hand that over.
    """

    def __init__(self, model: nn.Module, *, probabilities: bool) -> None:
        super().__init__()
        self.model = model
        self.probabilities = probabilities
        self.n_gradients = 0

    def forward(self, x: Tensor) -> Tensor:
        self.n_gradients += int(torch.is_grad_enabled() and x.requires_grad)
        logits: Tensor = self.model(x.float())
        return logits.softmax(1) if self.probabilities else logits


class _Seeded(np.random.RandomState):
    """A generator that without a seed of its own begins where the global one stands, and not at random."""

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(np.random.randint(2**31) if seed is None else seed)


def generated(problem: Problem, attack: ArtAttack, seeds: Sequence[int], tick: Tick) -> AttackResult:
    """Every image after the toolbox's attack: inside ball, box and mask, judged by our model.

    What the toolbox calls a success does not count. An image that it gives up on, or makes NaN of, stays clean.
    """
    _check_goal(problem, attack)
    model = _Counted(problem.model, probabilities=attack.ART in OF_PROBABILITIES)
    estimator = _estimator(model, tuple(problem.x.shape[1:]), _n_classes(problem), problem.x.device)
    found = problem.x.clone()
    steps = torch.zeros_like(problem.y)
    for row, seed in enumerate(seeds):
        if problem.eps[row] > 0:
            before = model.n_gradients
            found[row] = _one(problem, attack, estimator, row, seed)
            steps[row] = model.n_gradients - before
        tick()
    x_adv = problem.confined(PROJECTIONS[attack.NORM](found, problem.x, problem.eps))
    success = problem.fooled(x_adv)
    masked = torch.zeros_like(success)
    if not success.all():
        masked[~success] = problem.part(~success).no_slope()
    return AttackResult(x_adv, success, steps, reasons(success, masked))


def try_parameters(attack: ArtAttack) -> None:
    """Let the toolbox judge the parameters, on a classifier of nothing.

    Raises:
        BadAttack: it refuses them.
    """
    with _own_state(0, torch.device("cpu")):
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        _toolbox_attack(attack, _estimator(model, (1, 8, 8), 3, torch.device("cpu")), attack.radius, targeted=False)


def _one(problem: Problem, attack: ArtAttack, estimator: Any, row: int, seed: int) -> Tensor:
    """One image after the attack, not yet confined."""
    x = problem.x[row : row + 1].contiguous()
    targeted = problem.target is not None
    goal = problem.y if problem.target is None else problem.target
    y = np.eye(_n_classes(problem), dtype=np.float32)[[int(goal[row])]]
    options: dict[str, Any] = {}
    toolbox = toolbox_class(attack.ART)
    if ":param mask:" in (toolbox.generate.__doc__ or "") and not problem.free[row].all():
        options["mask"] = problem.free[row : row + 1].float().cpu().numpy()
    # These take a class to reach and draw one themselves without.
    wanted = None if attack.ART in AIMED_BY_Y and not targeted else y
    with _own_state(seed, x.device):
        made = _toolbox_attack(attack, estimator, float(problem.eps[row]), targeted=targeted)
        try:
            result = made.generate(x=x.cpu().numpy().copy(), y=wanted, **options)
        except _REFUSALS as e:
            raise BadAttack(f"{attack.NAME} gave up on an image: {e or type(e).__name__}; try other parameters") from e
    if not isinstance(result, np.ndarray) or result.shape != tuple(x.shape):
        raise BadAttack(f"{attack.NAME} gives no image of the shape it got; choose another attack")
    moved = torch.from_numpy(result.astype(np.float32)).to(x)
    return torch.where(moved.isfinite(), moved, x)[0]


def _toolbox_attack(attack: ArtAttack, estimator: Any, eps: float, *, targeted: bool) -> Any:
    toolbox = toolbox_class(attack.ART)
    known = set(toolbox.attack_params)
    params = _as_numpy(attack.given)
    if attack.BOUNDED:
        params["eps"] = eps
        usual = defaults(toolbox)
        if "eps_step" in known and "eps_step" not in params and usual.get("eps"):
            # Its step was made for its own eps, and it refuses one that is longer than the radius.
            params["eps_step"] = eps * float(usual["eps_step"] or usual["eps"]) / float(usual["eps"])
    for name, value in (("targeted", targeted), ("batch_size", 1), ("verbose", False)):
        if name in known:
            params[name] = value
    try:
        return toolbox(estimator, **params)
    except (*_REFUSALS, RuntimeError) as e:  # Here alone: later on it may be the model's own, which passes.
        raise BadAttack(f"{attack.NAME}: {e}") from e


def _as_numpy(given: Mapping[str, Any]) -> dict[str, Any]:
    """JSON lists as tuples, which the toolbox asks for."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


def _estimator(model: nn.Module, shape: tuple[int, ...], n_classes: int, device: torch.device) -> Any:
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        model=model,
        loss=nn.CrossEntropyLoss(),
        input_shape=shape,
        nb_classes=n_classes,
        clip_values=(0.0, 1.0),
        device_type="cpu" if device.type == "cpu" else "gpu",
    )


@contextmanager
def _own_state(seed: int, device: torch.device) -> Iterator[None]:
    """Global random states that begin at the seed inside the block and are as before after it; and silence.

    Some attacks make a generator without a seed, as a start at random; inside the block it follows from the seed too.
    """
    numpy_state, python_state, generator = np.random.get_state(), random.getstate(), np.random.RandomState
    level = logging.getLogger("art").level
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("art").setLevel(logging.CRITICAL)
        try:
            np.random.seed(seed % _NUMPY_SEEDS)
            random.seed(seed)
            torch.manual_seed(seed)
            np.random.RandomState = _Seeded  # type: ignore[assignment, misc]
            yield
        finally:
            np.random.RandomState = generator  # type: ignore[misc]
            logging.getLogger("art").setLevel(level)
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def _check_goal(problem: Problem, attack: ArtAttack) -> None:
    known = toolbox_class(attack.ART).attack_params
    if problem.target is not None and "targeted" not in known and attack.ART not in AIMED_BY_Y:
        raise BadAttack(f"{attack.NAME} cannot aim at a class; leave the target away")


def _n_classes(problem: Problem) -> int:
    return len(problem.model.spec.classes)
