"""Who takes part: our attacks and those of five libraries, behind one call.

A contestant is asked for an attack by name and gives a function from images to attacked images. All get the same
model, images, classes, radius, step and number of steps.
"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.settings import CW_C_FIRST, CW_LR, Settings
from benchmarks.subject import CLASSES, Subject
from pipeline.attacks.registry import create
from pipeline.models.torchvision_door import torchvision_models

Run = Callable[[], Tensor]
Entry = Callable[[Subject, str, Settings], Run | None]


def ours(subject: Subject, attack: str, to: Settings, *, precision: str = "fp32") -> Run:
    """Our own, with the defaults that a user gets; Carlini-Wagner searches as long as it thinks right."""
    params: dict[str, dict[str, object]] = {
        "fgsm": {"eps": to.eps},
        "cw": {},
    }
    made = create(attack, params.get(attack, {"eps": to.eps, "alpha": to.alpha, "steps": to.steps}))
    return lambda: made(subject.model, subject.x, subject.y, seeds=range(len(subject.x)), precision=precision).x_adv


def ours_bf16(subject: Subject, attack: str, to: Settings) -> Run | None:
    """Our own with gradients in bfloat16; Carlini-Wagner has none of these."""
    return None if attack == "cw" else ours(subject, attack, to, precision="bf16")


def foolbox(subject: Subject, attack: str, to: Settings) -> Run:
    """Rauber et al. 2020."""
    fb = peer("foolbox")
    steps: dict[str, object] = {"abs_stepsize": to.alpha, "steps": to.steps}
    made = {
        "fgsm": lambda: fb.attacks.LinfFastGradientAttack(random_start=False),
        "bim": lambda: fb.attacks.LinfPGD(**steps, random_start=False),
        "pgd": lambda: fb.attacks.LinfPGD(**steps, random_start=True),
        "mim": lambda: fb.attacks.LinfMomentumIterativeFastGradientMethod(**steps, momentum=1.0),
        "cw": lambda: fb.attacks.L2CarliniWagnerAttack(
            binary_search_steps=to.cw_search, steps=to.cw_steps, stepsize=CW_LR, initial_const=CW_C_FIRST
        ),
    }[attack]()
    model = fb.PyTorchModel(subject.model, bounds=(0, 1), device=subject.x.device)
    goal = fb.criteria.Misclassification(subject.y)
    eps = None if attack == "cw" else to.eps
    return lambda: _plain(made(model, subject.x, goal, epsilons=eps)[1])


def torchattacks(subject: Subject, attack: str, to: Settings) -> Run:
    """Kim 2020; its Carlini-Wagner has one fixed c and no search."""
    ta = peer("torchattacks")
    steps = {"eps": to.eps, "alpha": to.alpha, "steps": to.steps}
    made = {
        "fgsm": lambda: ta.FGSM(subject.model, eps=to.eps),
        "bim": lambda: ta.BIM(subject.model, **steps),
        "pgd": lambda: ta.PGD(subject.model, **steps, random_start=True),
        "mim": lambda: ta.MIFGSM(subject.model, **steps, decay=1.0),
        "cw": lambda: ta.CW(subject.model, c=1, steps=to.cw_steps, lr=CW_LR),
    }[attack]()
    return lambda: _plain(made(subject.x, subject.y))


def art(subject: Subject, attack: str, to: Settings) -> Run:
    """Nicolae et al. 2018."""
    evasion, n = peer("art.attacks.evasion"), len(subject.x)
    classifier = peer("art.estimators.classification").PyTorchClassifier(
        model=subject.model,
        loss=nn.CrossEntropyLoss(),
        input_shape=tuple(subject.x.shape[1:]),
        nb_classes=len(CLASSES),
        clip_values=(0.0, 1.0),
        device_type="gpu" if subject.x.is_cuda else "cpu",
    )
    steps: dict[str, object] = {"eps": to.eps, "eps_step": to.alpha, "max_iter": to.steps, "batch_size": n}
    quiet: dict[str, object] = {"verbose": False}
    made = {
        "fgsm": lambda: evasion.FastGradientMethod(classifier, eps=to.eps, batch_size=n),
        "bim": lambda: evasion.BasicIterativeMethod(classifier, **steps, **quiet),
        "pgd": lambda: evasion.ProjectedGradientDescentPyTorch(classifier, **steps, num_random_init=1, **quiet),
        "mim": lambda: evasion.MomentumIterativeMethod(classifier, **steps, decay=1.0, **quiet),
        "cw": lambda: evasion.CarliniL2Method(
            classifier,
            binary_search_steps=to.cw_search,
            max_iter=to.cw_steps,
            learning_rate=CW_LR,
            initial_const=CW_C_FIRST,
            batch_size=n,
            **quiet,
        ),
    }[attack]()
    x, y = subject.x.cpu().numpy(), subject.y.cpu().numpy()
    return lambda: torch.from_numpy(made.generate(x, y))


def adv_lib(subject: Subject, attack: str, to: Settings) -> Run | None:
    """ÉTS LIVIA; it has no momentum method, and its PGD of one step is its FGSM."""
    if attack == "mim":
        return None
    if attack == "cw":
        cw = peer("adv_lib.attacks.carlini_wagner.l2").carlini_wagner_l2
        search: dict[str, object] = {
            "learning_rate": CW_LR,
            "initial_const": CW_C_FIRST,
            "binary_search_steps": to.cw_search,
            "max_iterations": to.cw_steps,
        }
        return lambda: _plain(cw(subject.model, subject.x, subject.y, **search))
    pgd = peer("adv_lib.attacks.projected_gradient_descent").pgd_linf
    # It never looks at its last iterate, and so needs a step more for the same gradients that count.
    steps = {"steps": (1 if attack == "fgsm" else to.steps) + 1, "random_init": attack == "pgd"}
    alpha = to.eps if attack == "fgsm" else to.alpha
    return lambda: _plain(pgd(subject.model, subject.x, subject.y, to.eps, absolute_step_size=alpha, **steps))


def cleverhans(subject: Subject, attack: str, to: Settings) -> Run | None:
    """Papernot et al. 2018; its momentum method is for another framework."""
    if attack == "mim":
        return None
    model, x, y = subject.model, subject.x, subject.y
    box: dict[str, Any] = {"clip_min": 0, "clip_max": 1, "y": y}
    where = "cleverhans.torch.attacks."
    if attack == "fgsm":
        fgm = peer(f"{where}fast_gradient_method").fast_gradient_method
        return lambda: _plain(fgm(model, x, to.eps, np.inf, **box))
    if attack == "cw":
        cw = peer(f"{where}carlini_wagner_l2").carlini_wagner_l2
        search: dict[str, object] = {
            "lr": CW_LR,
            "initial_const": CW_C_FIRST,
            "binary_search_steps": to.cw_search,
            "max_iterations": to.cw_steps,
        }
        return lambda: _plain(cw(model, x, len(CLASSES), **box, **search))
    pgd = peer(f"{where}projected_gradient_descent").projected_gradient_descent
    more = {"rand_init": attack == "pgd", "sanity_checks": False}
    return lambda: _plain(pgd(model, x, to.eps, to.alpha, to.steps, np.inf, **box, **more))


PEERS: dict[str, Entry] = {
    "foolbox": foolbox,
    "torchattacks": torchattacks,
    "art": art,
    "adv_lib": adv_lib,
    "cleverhans": cleverhans,
}
ALL: dict[str, Entry] = {"scangate": ours, "scangate-bf16": ours_bf16, **PEERS}
JUDGES = ("scangate", "scangate-bf16", "foolbox", "adv_lib")
"""Contestants that find out by themselves which images are fooled; the others leave that to their user."""


def installed(name: str) -> bool:
    """Whether a contestant can take part; ours always can."""
    return name not in PEERS or importlib.util.find_spec(name) is not None


def peer(name: str) -> ModuleType:
    """A module of another library."""
    torchvision_models()  # Some import torchvision, which beside a CPU build of torch needs this first.
    if "visdom" not in sys.modules and importlib.util.find_spec("visdom") is None:
        # One imports a plotting server, for callbacks that nobody passes here; an empty module will do.
        sys.modules["visdom"] = ModuleType("visdom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(name)


def _plain(images: Tensor) -> Tensor:
    return images.detach()
