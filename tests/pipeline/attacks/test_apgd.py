"""Auto-PGD where the best point is known, and against PGD where it is not."""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.apgd import APGD, APGDL2, APGDT
from pipeline.attacks.apgd_climb import _check, _Point, checkpoints
from pipeline.attacks.losses import cross_entropy, margin
from pipeline.attacks.pgd import PGD, PGDL2
from pipeline.attacks.problem import pose
from pipeline.attacks.registry import create
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, spec_of, trained_model


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, Tensor, Tensor]:
    model, x, y = trained_model(4)
    model.eval()
    right = model(x).argmax(1) == y
    return model, x[right], y[right]


def away(model: PixelModel, y: Tensor) -> Tensor:
    """The direction (N, 1, 8, 8) that leaves each of two classes fastest."""
    weight = model.network.head.weight.detach()
    return torch.where(y[:, None] == 0, weight[1] - weight[0], weight[0] - weight[1]).view(-1, 1, 8, 8)


def test_looks_after_the_steps_that_the_paper_names() -> None:
    assert checkpoints(100) == {22, 41, 57, 70, 80, 87, 93, 99}
    assert checkpoints(10) == {3, 5, 6, 7, 8, 9, 10}
    assert checkpoints(1) == {1}


@pytest.mark.parametrize("loss", ["ce", "margin"])
@pytest.mark.parametrize("start", ["random", "clean"])
def test_reaches_the_far_corner_of_the_ball(loss: str, start: str) -> None:
    model = linear_model(2)
    x = patterns(12, 2)[0]
    y = model(x).argmax(1)
    result = APGD(eps=0.1, loss=loss, start=start, steps=20)(model, x, y, seeds=range(12))
    wanted = (x + 0.1 * away(model, y).sign()).clamp(0, 1)
    torch.testing.assert_close(result.x_adv, wanted, atol=1e-6, rtol=0)


def test_ends_under_l2_where_the_gradient_leaves_the_ball() -> None:
    model = linear_model(2)
    x = torch.full((4, 1, 8, 8), 0.5)
    y = model(x).argmax(1)
    step = away(model, y)
    result = APGDL2(eps=1.0)(model, x, y, seeds=range(4))
    wanted = x + step / step.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(result.x_adv, wanted, atol=1e-3, rtol=0)


class _Hill(nn.Module):
    """Logits 0 and -|x - top|^2, whose margin is highest at one point inside the ball."""

    def __init__(self, top: Tensor) -> None:
        super().__init__()
        self.top = nn.Parameter(top)

    def forward(self, x: Tensor) -> Tensor:
        height = -(x - self.top).square().flatten(1).sum(1) * 1e3
        return torch.stack([torch.zeros_like(height), height], dim=1)


@pytest.mark.parametrize("attack", [APGD, APGDL2])
def test_shortens_its_step_until_it_stands_on_the_top(attack: type[APGD]) -> None:
    x = 0.3 + 0.4 * torch.rand((1, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    top = x + 0.02 * (2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) - 1)
    spec = spec_of(2)
    model = PixelModel(spec, _Hill((top - spec.mean[0]) / spec.std[0]))
    y = torch.tensor([0])
    norm = {APGD: 0.05, APGDL2: 0.4}[attack]
    fixed = {APGD: PGD, APGDL2: PGDL2}[attack](eps=norm, steps=100, loss="margin")(model, x, y, seeds=[5])
    found = attack(eps=norm, loss="margin")(model, x, y, seeds=[5])
    assert not found.success.any()
    assert (found.x_adv - top).abs().max() < 2e-3
    assert (found.x_adv - top).norm() < 0.2 * (fixed.x_adv - top).norm()


@pytest.mark.parametrize("eps", [k / 255 for k in (1, 2, 4, 6, 8)])
def test_leaves_no_more_robust_than_pgd_of_as_many_steps(
    eps: float, trained: tuple[PixelModel, Tensor, Tensor]
) -> None:
    model, x, y = trained
    simple = PGD(eps=eps, steps=50)(model, x, y, seeds=range(len(x)))
    found = APGD(eps=eps, steps=50)(model, x, y, seeds=range(len(x)))
    assert found.success.sum() >= simple.success.sum()
    higher, lower = (cross_entropy(model(result.x_adv), y, None).mean() for result in (found, simple))
    assert higher >= lower * 0.999


def test_gives_the_highest_of_the_points_that_fooled(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    whole = APGD(eps=8 / 255)(model, x, y, seeds=range(len(x)))
    early = APGD(eps=8 / 255, stop_on_success=True)(model, x, y, seeds=range(len(x)))
    won = early.success
    assert torch.equal(won, whole.success)
    assert (early.steps[won] < whole.steps[won]).all()
    assert (early.steps[~won] == 100).all()
    gained = cross_entropy(model(whole.x_adv), y, None) - cross_entropy(model(early.x_adv), y, None)
    assert (gained > -1e-5).all()
    assert gained[won].max() > 0.1


class _Crowd(nn.Module):
    """At 0 the second class is just ahead; at 1 all others are just behind, and the cross entropy is higher."""

    def forward(self, x: Tensor) -> Tensor:
        s = x.flatten(1).mean(1).clamp(0, 1)
        return torch.stack([0 * s, 0.1 - 0.15 * s, 2.95 * s - 3, 2.95 * s - 3], dim=1)


@pytest.mark.parametrize("steps", [1, 20])
def test_never_gives_up_a_success_for_a_higher_loss(steps: int) -> None:
    spec = dataclasses.replace(spec_of(4), mean=(0.0,), std=(1.0,))
    model = PixelModel(spec, _Crowd())
    x, y = torch.zeros(1, 1, 8, 8), torch.tensor([0])
    attack = APGD(eps=1.0, steps=steps, start="clean")
    with model.frozen():
        problem = pose(attack, model, x, y, target=None, eps=None, mask=None, n_seeds=1)
        path = problem.gradient(x)[0]
    assert (path > 0).all()  # The loss leads away from the success.
    result = attack(model, x, y, seeds=[0])
    assert result.success.all()
    assert torch.equal(result.x_adv, x)


def test_starts_again_only_where_nothing_was_found(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    once = APGD(eps=7 / 255, steps=20)(model, x, y, seeds=range(len(x)))
    thrice = APGD(eps=7 / 255, steps=20, restarts=3)(model, x, y, seeds=range(len(x)))
    assert torch.equal(thrice.x_adv[once.success], once.x_adv[once.success])
    assert (thrice.steps[once.success] == 20).all()
    assert (thrice.steps[~thrice.success] == 60).all()
    assert (~thrice.success).any()
    assert (margin(model(thrice.x_adv), y, None) >= margin(model(once.x_adv), y, None) - 1e-5).all()


def test_a_clean_start_draws_nothing(trained: tuple[PixelModel, Tensor, Tensor]) -> None:
    model, x, y = trained
    attack = APGD(eps=4 / 255, steps=5, start="clean")
    one, other = (attack(model, x, y, seeds=range(k, k + len(x))).x_adv for k in (0, 500))
    assert torch.equal(one, other)
    random = APGD(eps=4 / 255, steps=5)(model, x, y, seeds=range(len(x))).x_adv
    assert not torch.equal(one, random)


@pytest.mark.parametrize(("n_classes", "n_targets"), [(2, 1), (3, 2), (4, 3)])
def test_tries_every_wrong_class_before_it_gives_up(n_classes: int, n_targets: int) -> None:
    model = linear_model(n_classes)
    x = patterns(6, n_classes)[0]
    y = model(x).argmax(1)
    result = APGDT(eps=1e-4, steps=10)(model, x, y, seeds=range(6))
    assert not result.success.any()
    assert (result.steps == 10 * n_targets).all()
    assert (APGDT(eps=1e-4, steps=10, n_targets=1)(model, x, y, seeds=range(6)).steps == 10).all()


def test_turns_to_the_next_class_where_the_likeliest_cannot_be_reached() -> None:
    model = linear_model(3)
    with torch.no_grad():
        # Class 1 is always just behind class 0; class 2 lies far off, but can be climbed to.
        model.network.head.weight[1] = model.network.head.weight[0]
        model.network.head.bias.copy_(torch.tensor([0.0, -0.1, -3.0]))
    x = 0.5 + 0 * patterns(4, 3)[0]
    y = torch.zeros(4, dtype=torch.int64)
    assert (model(x).argmax(1) == 0).all()
    assert not APGDT(eps=0.3, n_targets=1)(model, x, y, seeds=range(4)).success.any()
    result = APGDT(eps=0.3)(model, x, y, seeds=range(4))
    assert result.success.all()
    assert (model(result.x_adv).argmax(1) == 2).all()


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("apgd", {"start": "middle"}, "start 'middle'; give one of random, clean"),
        ("apgd", {"start": "clean", "restarts": 2}, "2 restarts from the clean image are the same; give 1"),
        ("apgd", {"rho": 1.5}, r"rho 1.5; give a number within \[0, 1\]"),
        ("apgd_l2", {"loss": "hinge"}, "loss 'hinge'; give one of ce, margin, dlr"),
        ("apgd_t", {"n_targets": 0}, r"n_targets 0; give a whole number within \[1,"),
        ("apgd_t", {"loss": "ce"}, "apgd_t has no parameter loss"),
    ],
)
def test_refuses_with_the_allowed_value(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create(name, params)


def test_halves_a_step_that_climbed_often_and_reached_nothing_new() -> None:
    """Condition 2 of algorithm 1: the step was not halved at the last look, and the best loss is the same."""
    n = 3
    zeros, score = torch.zeros(n, 1, 2, 2), torch.zeros(n, 2, dtype=torch.float64)
    point = _Point(
        rows=torch.arange(n),
        here=zeros + 1,
        before=zeros,
        score=score,
        best=zeros + 2,
        best_gradient=zeros,
        best_score=torch.tensor([[1.0, 0], [1.0, 0], [2.0, 0]], dtype=torch.float64),
        checked_score=torch.tensor([[1.0, 0]] * n, dtype=torch.float64),
        eta=torch.ones(n),
        halved=torch.tensor([False, True, False]),
        climbed=torch.full((n,), 9),
    )
    _check(point, zeros.clone(), needed=5)
    assert point.eta.tolist() == [0.5, 1.0, 1.0]
    assert point.here[:, 0, 0, 0].tolist() == [2.0, 1.0, 1.0]
    assert point.halved.tolist() == [True, False, False]
