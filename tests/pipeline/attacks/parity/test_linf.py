"""Rows 1 to 4, 7 and 8: sign steps under Linf against every library that has them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.attacks.ascent import Climb, ascend
from pipeline.attacks.attack import no_tick
from pipeline.attacks.bim import BIM
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.mim import MIM
from pipeline.attacks.problem import pose
from pipeline.attacks.projections import project_linf
from tests.pipeline.attacks.parity.calls import art_classifier, foolbox_attack, success
from tests.pipeline.attacks.parity.classifier import Bench
from tests.pipeline.attacks.parity.conftest import Record
from tests.pipeline.attacks.parity.peers import peer

EPS, STEPS = 4 / 255, 10
ALPHA = EPS / 4
# Two numbers that differ by less are the same pixel, computed in another order.
SAME = 1e-6

Call = Callable[[Bench], Tensor]


def foolbox_fgsm(bench: Bench) -> Tensor:
    return foolbox_attack(bench, peer("foolbox").attacks.LinfFastGradientAttack(random_start=False), EPS)


def torchattacks_fgsm(bench: Bench) -> Tensor:
    return peer("torchattacks").FGSM(bench.peers_model, eps=EPS)(bench.x, bench.y)


def art_fgsm(bench: Bench, batch_size: int) -> Tensor:
    attack = peer("art.attacks.evasion").FastGradientMethod(art_classifier(bench), eps=EPS, batch_size=batch_size)
    return torch.from_numpy(attack.generate(bench.x.numpy(), bench.y.numpy()))


def cleverhans_fgsm(bench: Bench) -> Tensor:
    fgm = peer("cleverhans.torch.attacks.fast_gradient_method").fast_gradient_method
    return fgm(bench.peers_model, bench.x, EPS, np.inf, clip_min=0, clip_max=1, y=bench.y).detach()


def madry_fgsm(bench: Bench) -> Tensor:
    step = peer("robustness.attack_steps").LinfStep(orig_input=bench.x, eps=EPS, step_size=EPS)
    here = bench.x.clone().requires_grad_()
    loss = F.cross_entropy(bench.peers_model(here), bench.y, reduction="sum")
    return step.project(step.step(bench.x, torch.autograd.grad(loss, here)[0]))


FGSM_PEERS: dict[str, Call] = {
    "foolbox": foolbox_fgsm,
    "torchattacks": torchattacks_fgsm,
    "ART, batches of 32": lambda bench: art_fgsm(bench, 32),
    "ART, batches of 48": lambda bench: art_fgsm(bench, 48),
    "cleverhans": cleverhans_fgsm,
    "Madry's robustness": madry_fgsm,
}


@pytest.mark.parametrize("name", list(FGSM_PEERS))
def test_row_01_fgsm_is_bit_equal(name: str, bench: Bench, record: Record) -> None:
    theirs = FGSM_PEERS[name](bench)
    ours = FGSM(eps=EPS)(bench.model, bench.x, bench.y, seeds=range(len(bench.x))).x_adv
    record(
        1,
        f"FGSM, {name}",
        required="bit-equal",
        measured=difference(ours, theirs),
        n=len(ours),
        met=torch.equal(ours, theirs),
    )


def test_row_02_bim_is_bit_equal_to_foolbox(bench: Bench, record: Record) -> None:
    attack = peer("foolbox").attacks.LinfPGD(abs_stepsize=ALPHA, steps=STEPS, random_start=False)
    theirs = foolbox_attack(bench, attack, EPS)
    ours = our_bim(bench)
    record(
        2,
        "BIM, foolbox",
        required="bit-equal",
        measured=difference(ours, theirs),
        n=len(ours),
        met=torch.equal(ours, theirs),
    )


def torchattacks_pgd(bench: Bench) -> Tensor:
    attack = peer("torchattacks").PGD(bench.peers_model, eps=EPS, alpha=ALPHA, steps=STEPS, random_start=False)
    return attack(bench.x, bench.y)


def torchattacks_bim(bench: Bench) -> Tensor:
    return peer("torchattacks").BIM(bench.peers_model, eps=EPS, alpha=ALPHA, steps=STEPS)(bench.x, bench.y)


def art_iterated(bench: Bench, module: str, name: str, **more: object) -> Tensor:
    settings = {"eps": EPS, "eps_step": ALPHA, "max_iter": STEPS, "batch_size": 32, "verbose": False, **more}
    attack = getattr(peer(module), name)(art_classifier(bench), **settings)
    return torch.from_numpy(attack.generate(bench.x.numpy(), bench.y.numpy()))


def cleverhans_pgd(bench: Bench) -> Tensor:
    pgd = peer("cleverhans.torch.attacks.projected_gradient_descent").projected_gradient_descent
    settings = {"clip_min": 0, "clip_max": 1, "y": bench.y, "rand_init": False, "sanity_checks": False}
    return pgd(bench.peers_model, bench.x, EPS, ALPHA, STEPS, np.inf, **settings).detach()


EVASION = "art.attacks.evasion"
BIM_PEERS: dict[str, Call] = {
    "torchattacks PGD": torchattacks_pgd,
    "torchattacks BIM": torchattacks_bim,
    "ART PGD (torch)": lambda bench: art_iterated(bench, EVASION, "ProjectedGradientDescentPyTorch"),
    "ART PGD (numpy)": lambda bench: art_iterated(bench, EVASION, "ProjectedGradientDescentNumpy"),
    "ART BIM": lambda bench: art_iterated(bench, EVASION, "BasicIterativeMethod"),
    "cleverhans PGD": cleverhans_pgd,
}


@pytest.mark.parametrize("name", list(BIM_PEERS))
def test_row_03_bim_differs_in_next_to_no_pixel(name: str, bench: Bench, record: Record) -> None:
    theirs, ours = BIM_PEERS[name](bench), our_bim(bench)
    share, largest = differing(ours, theirs)
    record(
        3,
        f"BIM, {name}",
        required="<= 1e-5 of pixels, each by one step; success equal",
        measured=f"{share:.1e} of pixels, {largest / ALPHA:.2f} steps at most, {success(bench, ours)} and "
        f"{success(bench, theirs)} fooled",
        n=len(ours),
        met=share <= 1e-5 and largest <= ALPHA + SAME and success(bench, ours) == success(bench, theirs),
    )


def test_row_04_bim_is_adv_libs_where_it_succeeds(bench: Bench, record: Record) -> None:
    pgd = peer("adv_lib.attacks.projected_gradient_descent").pgd_linf
    # Theirs never looks at the last iterate, so it needs one step more, and shows the last success of all.
    theirs = pgd(bench.peers_model, bench.x, bench.y, EPS, steps=STEPS + 1, random_init=False, absolute_step_size=ALPHA)
    ours = BIM(eps=EPS, alpha=ALPHA, steps=STEPS)(bench.model, bench.x, bench.y, seeds=range(len(bench.x)))
    off = float((ours.x_adv - theirs)[ours.success].abs().max())
    clean = bool((theirs[~ours.success] == bench.x[~ours.success]).flatten(1).all(1).all())
    record(
        4,
        "BIM, adv-lib pgd_linf",
        required="max abs <= 1e-6 where it succeeds; failures come back clean",
        measured=f"max abs {off:.1e} on {int(ours.success.sum())}, failures {'clean' if clean else 'changed'}",
        n=len(bench.x),
        met=off <= 1e-6 and clean,
    )


def test_row_07_mim_is_bit_equal_to_torchattacks(bench: Bench, record: Record) -> None:
    attack = peer("torchattacks").MIFGSM(bench.peers_model, eps=EPS, alpha=ALPHA, steps=STEPS, decay=1.0)
    theirs, ours = attack(bench.x, bench.y), our_mim(bench)
    record(
        7,
        "MIM, torchattacks",
        required="bit-equal",
        measured=difference(ours, theirs),
        n=len(ours),
        met=torch.equal(ours, theirs),
    )


def test_row_07_mim_differs_from_art_in_next_to_no_pixel(bench: Bench, record: Record) -> None:
    theirs, ours = art_iterated(bench, EVASION, "MomentumIterativeMethod", decay=1.0), our_mim(bench)
    share, _ = differing(ours, theirs)
    record(
        7, "MIM, ART", required="<= 5e-5 of pixels", measured=f"{share:.1e} of pixels", n=len(ours), met=share <= 5e-5
    )


def test_row_08_foolboxs_mim_is_one_that_adds_up_signs(bench: Bench, record: Record) -> None:
    fb = peer("foolbox")
    attack = fb.attacks.LinfMomentumIterativeFastGradientMethod(momentum=1.0, abs_stepsize=ALPHA, steps=STEPS)
    theirs = foolbox_attack(bench, attack, EPS)
    ours = adding_up_signs(bench)
    share, _ = differing(our_mim(bench), theirs)
    record(
        8,
        "MIM of added signs, foolbox",
        required="bit-equal, and not MIM",
        measured=f"{difference(ours, theirs)}; from MIM {share:.1%} of pixels differ",
        n=len(ours),
        met=torch.equal(ours, theirs) and share > 0.01,
    )


def adding_up_signs(bench: Bench) -> Tensor:
    """M <- m + sign(gradient), x <- project(x + alpha * sign(m)): not Dong et al., who add gradients of L1 length 1."""
    total = torch.zeros_like(bench.x)

    def direction(gradient: Tensor, rows: Tensor) -> Tensor:
        total[rows] += gradient.sign()
        return total[rows].sign()

    n = len(bench.x)
    attack = MIM(eps=EPS)
    problem = pose(attack, bench.model, bench.x, bench.y, target=None, eps=None, mask=None, n_seeds=n)
    climb = Climb(steps=STEPS, alpha=torch.full((n,), ALPHA), direction=direction, project=project_linf)
    return ascend(problem, problem.x, climb, no_tick).x_adv


def our_bim(bench: Bench) -> Tensor:
    return BIM(eps=EPS, alpha=ALPHA, steps=STEPS)(bench.model, bench.x, bench.y, seeds=range(len(bench.x))).x_adv


def our_mim(bench: Bench) -> Tensor:
    attack = MIM(eps=EPS, alpha=ALPHA, steps=STEPS, mu=1.0)
    return attack(bench.model, bench.x, bench.y, seeds=range(len(bench.x))).x_adv


def difference(ours: Tensor, theirs: Tensor) -> str:
    if torch.equal(ours, theirs):
        return "bit-equal"
    share, largest = differing(ours, theirs)
    return f"{share:.1e} of pixels differ, by {largest:.1e} at most"


def differing(ours: Tensor, theirs: Tensor) -> tuple[float, float]:
    """The share of pixels that are not the same, and the largest difference."""
    gap = (ours - theirs).abs()
    return float((gap > SAME).double().mean()), float(gap.max())
