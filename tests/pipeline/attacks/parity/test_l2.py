"""Rows 5 and 6: PGD under L2, in both orders of shrinking to the ball and clipping to the box."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from pipeline.attacks.ascent import Climb, ascend, l2_unit
from pipeline.attacks.attack import no_tick
from pipeline.attacks.pgd import PGDL2
from pipeline.attacks.problem import pose
from pipeline.attacks.projections import TINY, Projection, l2_norm, per_image, project_l2
from tests.pipeline.attacks.parity.calls import art_classifier, foolbox_attack
from tests.pipeline.attacks.parity.classifier import Bench
from tests.pipeline.attacks.parity.conftest import Record
from tests.pipeline.attacks.parity.peers import peer

EPS, ALPHA, STEPS = 1.0, 0.25, 10


def foolbox_pgd(bench: Bench, steps: int) -> Tensor:
    attack = peer("foolbox").attacks.L2PGD(abs_stepsize=ALPHA, steps=steps, random_start=False)
    return foolbox_attack(bench, attack, EPS)


def torchattacks_pgd(bench: Bench, steps: int) -> Tensor:
    attack = peer("torchattacks").PGDL2(bench.peers_model, eps=EPS, alpha=ALPHA, steps=steps, random_start=False)
    return attack(bench.x, bench.y)


SHRINK_FIRST: dict[str, Callable[[Bench, int], Tensor]] = {"foolbox": foolbox_pgd, "torchattacks": torchattacks_pgd}


@pytest.mark.parametrize("name", list(SHRINK_FIRST))
def test_row_05_shrinking_then_clipping_is_foolboxs_and_torchattackss_order(
    name: str, bench: Bench, record: Record
) -> None:
    """Each of our steps from each of their points, and the end after all steps.

    An image on the edge of a ReLU takes another gradient for a last bit of difference: one of 69 ends 3e-5 off, and the
    two libraries end as far from each other there. So one image may; no single step may.
    """
    points = [bench.x, *(SHRINK_FIRST[name](bench, steps) for steps in range(1, STEPS + 1))]
    step = max(float((climbed(bench, project_l2, 1, a) - b).abs().max()) for a, b in pairwise(points))
    gap = (climbed(bench, project_l2) - points[-1]).flatten(1).abs().amax(1)
    n_off = int((gap > 1e-5).sum())
    record(
        5,
        f"PGD L2, {name}",
        required="max abs <= 1e-5",
        measured=f"{step:.1e} a step; at the end {gap[gap <= 1e-5].max():.1e}, {n_off} images off by {gap.max():.1e}",
        n=len(gap),
        met=float(gap.max()) <= 1e-5,
        note="on the edge of a ReLU a last bit turns the gradient; the peers differ from each other too",
    )
    assert step <= 1e-5
    assert n_off <= 1
    assert gap.max() <= 1e-4


def test_row_05_our_attack_takes_this_order(bench: Bench) -> None:
    """From the clean image its steps are those above; its own start is random, see row 13."""
    x, y = bench.first(8)
    seeds = range(len(x))
    attack = PGDL2(eps=EPS, alpha=ALPHA, steps=1)
    after_one = attack(bench.model, x, y, seeds=seeds).x_adv
    after_two = PGDL2(eps=EPS, alpha=ALPHA, steps=2)(bench.model, x, y, seeds=seeds).x_adv
    again = pose(attack, bench.model, x, y, target=None, eps=None, mask=None, n_seeds=len(x))
    climb = Climb(steps=1, alpha=torch.full((len(x),), ALPHA), direction=l2_unit, project=project_l2)
    assert torch.equal(ascend(again, after_one, climb, no_tick).x_adv, after_two)


def art_pgd(bench: Bench) -> Tensor:
    attack = peer("art.attacks.evasion").ProjectedGradientDescentPyTorch(
        art_classifier(bench), norm=2, eps=EPS, eps_step=ALPHA, max_iter=STEPS, batch_size=128, verbose=False
    )
    return torch.from_numpy(attack.generate(bench.x.numpy(), bench.y.numpy()))


def cleverhans_pgd(bench: Bench) -> Tensor:
    pgd = peer("cleverhans.torch.attacks.projected_gradient_descent").projected_gradient_descent
    settings = {"clip_min": 0, "clip_max": 1, "y": bench.y, "rand_init": False, "sanity_checks": False}
    return pgd(bench.peers_model, bench.x, EPS, ALPHA, STEPS, 2, **settings).detach()


CLIP_FIRST: dict[str, Callable[[Bench], Tensor]] = {"ART": art_pgd, "cleverhans": cleverhans_pgd}


@pytest.mark.parametrize("name", list(CLIP_FIRST))
def test_row_06_clipping_then_shrinking_is_arts_and_cleverhanss_order(name: str, bench: Bench, record: Record) -> None:
    ours, theirs = climbed(bench, clip_then_shrink), CLIP_FIRST[name](bench)
    gap = (ours - theirs).flatten(1).abs().amax(1)
    near = float((gap <= 1e-4).float().mean())
    norms = float((l2_norm(ours - bench.x) - l2_norm(theirs - bench.x)).abs().max())
    record(
        6,
        f"PGD L2 in the other order, {name}",
        required=">= 95 % of images within 1e-4, L2 norms equal to 1e-4",
        measured=f"{near:.1%} of images, max abs {float(gap.max()):.1e}; norms {norms:.1e}",
        n=len(ours),
        met=near >= 0.95 and norms <= 1e-4,
    )


def test_row_06_the_orders_are_not_equal(bench: Bench, record: Record) -> None:
    gap = (climbed(bench, clip_then_shrink) - climbed(bench, project_l2)).flatten(1).abs().amax(1)
    record(
        6,
        "PGD L2, ours in both orders",
        required="different images",
        measured=f"{int((gap > 1e-4).sum())} of {len(gap)} images differ, max abs {float(gap.max()):.1e}",
        n=len(gap),
        met=bool((gap > 1e-4).all()),
    )


def clip_then_shrink(x_adv: Tensor, x: Tensor, eps: Tensor) -> Tensor:
    """Into the box, then into the ball: the result is still in the box, since x is."""
    delta = x_adv.clamp(0, 1) - x
    return x + delta * per_image((eps / l2_norm(delta).clamp_min(TINY)).clamp_max(1))


def climbed(bench: Bench, project: Projection, steps: int = STEPS, start: Tensor | None = None) -> Tensor:
    """PGD under L2 from the clean image, or from another point."""
    n = len(bench.x)
    problem = pose(PGDL2(eps=EPS), bench.model, bench.x, bench.y, target=None, eps=None, mask=None, n_seeds=n)
    climb = Climb(steps=steps, alpha=torch.full((n,), ALPHA), direction=l2_unit, project=project)
    return ascend(problem, problem.x if start is None else start.clone(), climb, no_tick).x_adv
