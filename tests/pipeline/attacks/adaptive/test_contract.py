"""What every adaptive attack promises; a new one is held to it by being registered."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS, create_adaptive
from pipeline.attacks.adaptive.view import GateView
from pipeline.attacks.losses import margin
from pipeline.attacks.pgd import PGD
from pipeline.detection.network import GateNetwork
from pipeline.errors import BadAttack
from tests.pipeline.attacks.adaptive.gates import TAU, guides_of, half_watched_gate, real_gate

pytestmark = pytest.mark.parametrize("name", list(ADAPTIVE_ATTACKS))

EPS = 16 / 255


def attack_of(name: str, **params: object) -> AdaptiveAttack:
    fewer = {"steps": 300} if name == "gate_square" else {"steps": 40}
    return create_adaptive(name, {"eps": EPS, "restarts": 2, **fewer, **params})


def run(name: str, network: GateNetwork, tau: float, x: Tensor, y: Tensor, **params: object):
    attack = attack_of(name, **params)
    view = GateView(network, tau, straight=attack.straight)
    return attack(view, x, y, guides=guides_of(network, tau, x, y), seeds=range(len(x)))


@torch.no_grad()
def passes(network: GateNetwork, tau: float, x_adv: Tensor, y: Tensor) -> Tensor:
    out = network(x_adv)
    return (out.probs.argmax(1) != y) & (out.score <= tau)


def test_passes_a_gate_that_stops_an_attack_which_ignores_it(name: str) -> None:
    network, x, y = half_watched_gate()
    ignorant = PGD(eps=EPS, steps=40)(network.model, x, y, seeds=range(len(x)))
    assert ignorant.success.all()
    assert not passes(network, TAU, ignorant.x_adv, y).any()
    found = run(name, network, TAU, x, y)
    assert passes(network, TAU, found.x_adv, y).all()
    assert torch.equal(found.success, passes(network, TAU, found.x_adv, y))


def test_success_is_what_a_gate_of_real_parts_says(name: str) -> None:
    network, tau, x, y = real_gate()
    found = run(name, network, tau, x, y)
    assert torch.equal(found.success, passes(network, tau, found.x_adv, y))
    assert found.success.any()
    assert all((why == "") == ok for why, ok in zip(found.reason, found.success.tolist(), strict=True))


def test_the_worth_told_is_what_the_gate_says_of_the_point(name: str) -> None:
    network, tau, x, y = real_gate()
    found = run(name, network, tau, x, y)
    with torch.no_grad():
        logits = GateView(network, tau)(found.x_adv)
    worth = torch.minimum(margin(logits[:, :-1], y, None), logits[:, -1])
    torch.testing.assert_close(found.worth, worth, atol=1e-3, rtol=1e-3)


def test_stays_on_the_lattice_in_ball_and_box(name: str) -> None:
    network, tau, x, y = real_gate()
    found = run(name, network, tau, x, y, eps=3.4 / 255, steps=10)
    levels = found.x_adv.double() * 255
    assert ((levels - levels.round()).abs() < 1e-4).all()
    assert ((levels.round() - (x.double() * 255).round()).abs() <= 3).all()
    assert found.x_adv.min() >= 0
    assert found.x_adv.max() <= 1
    assert not torch.equal(found.x_adv, x)


def test_gives_the_image_back_at_eps_0(name: str) -> None:
    network, tau, x, y = real_gate()
    found = run(name, network, tau, x, y, eps=0.0, steps=3)
    assert torch.equal(found.x_adv, x)
    assert not found.success.any()


def test_does_not_depend_on_its_neighbours(name: str) -> None:
    network, x, y = half_watched_gate()
    attack, guides = attack_of(name, eps=6 / 255, steps=15), guides_of(network, TAU, x, y)
    view = GateView(network, TAU)
    whole = attack(view, x, y, guides=guides, seeds=range(len(x)))
    some = attack(view, x[2:4], y[2:4], guides=guides, seeds=range(2, 4))
    assert torch.equal(whole.x_adv[2:4], some.x_adv)


def test_draws_from_the_seed_of_each_image(name: str) -> None:
    network, x, y = half_watched_gate()
    attack = attack_of(name, eps=6 / 255, steps=1, restarts=4, stop_on_success=False)
    guides, view = guides_of(network, TAU, x, y), GateView(network, TAU)
    first, again, other = (
        attack(view, x, y, guides=guides, seeds=range(first, first + len(x))) for first in (0, 0, 100)
    )
    assert torch.equal(first.curve, again.curve)
    assert torch.equal(first.x_adv, again.x_adv)
    assert not (torch.equal(first.curve, other.curve) and torch.equal(first.x_adv, other.x_adv))


def test_keeps_a_curve_that_only_grows(name: str) -> None:
    network, tau, x, y = real_gate()
    found = run(name, network, tau, x, y, eps=1 / 255, steps=20, stop_on_success=False)
    assert found.curve.shape[0] == len(x)
    assert 20 <= found.curve.shape[1] <= 40
    assert (found.curve[:, 1:] >= found.curve[:, :-1]).all()
    assert (found.steps <= 40).all()
    assert not found.success.all()


@pytest.mark.parametrize("broken", [False, True])
def test_leaves_gate_and_global_random_state_alone(name: str, broken: bool) -> None:
    network, tau, x, y = real_gate()
    guides = guides_of(network, tau, x, y)
    network.model.train()
    network.detector.residual.train()
    network.model.network[1].eval()
    network.detector.residual(torch.rand(2, 1, 16, 16)).logit.sum().backward()
    if broken:
        network.detector.residual.mix.register_forward_pre_hook(_raise)
    flags = [module.training for module in network.modules()]
    kept = [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in network.parameters()]
    values = {key: value.clone() for key, value in network.state_dict().items()}
    state, numpys, pythons = torch.get_rng_state(), np.random.get_state(), random.getstate()
    attack = attack_of(name, steps=4)
    view = GateView(network, tau, straight=True)
    if broken:
        with pytest.raises(RuntimeError, match="broken on purpose"):
            attack(view, x, y, guides=guides, seeds=range(len(x)))
    else:
        attack(view, x, y, guides=guides, seeds=range(len(x)))
    assert [module.training for module in network.modules()] == flags
    for p, (wanted, grad) in zip(network.parameters(), kept, strict=True):
        assert p.requires_grad == wanted
        assert (p.grad is None) == (grad is None)
        assert grad is None or torch.equal(p.grad, grad)
    assert all(torch.equal(value, values[key]) for key, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(np.array_equal(now, then) for now, then in zip(np.random.get_state(), numpys, strict=True))
    assert random.getstate() == pythons


def test_changes_no_bit_outside_the_mask(name: str) -> None:
    network, x, y = half_watched_gate()
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[:, 5:] = True
    attack = attack_of(name)
    found = attack(GateView(network, TAU), x, y, mask=mask, guides=guides_of(network, TAU, x, y), seeds=range(len(x)))
    assert torch.equal(found.x_adv[..., :5], x[..., :5])
    assert not torch.equal(found.x_adv, x)


def test_tells_each_step_and_can_be_stopped(name: str) -> None:
    network, x, y = half_watched_gate()

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack_of(name)(
            GateView(network, TAU), x, y, guides=guides_of(network, TAU, x, y), seeds=range(len(x)), tick=stop
        )


def test_never_takes_nan_for_a_success(name: str) -> None:
    network, x, y = half_watched_gate()
    guides = guides_of(network, TAU, x, y)
    with torch.no_grad():
        network.detector.scale.fill_(torch.nan)
    found = attack_of(name, steps=5)(GateView(network, TAU), x, y, guides=guides, seeds=range(len(x)))
    assert not found.success.any()
    assert found.x_adv.isfinite().all()


def test_has_the_restarts_and_steps_of_an_honest_try_by_default(name: str) -> None:
    attack = create_adaptive(name)
    assert attack.restarts >= 3
    assert attack.steps >= 100
    assert create_adaptive(name, attack.params()) == attack


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"eps": 2.0}, r"eps 2.0; a linf radius lies within \[0, 1\]"),
        ({"steps": 0}, r"steps 0; give a whole number within \[1,"),
        ({"restarts": 0}, r"restarts 0; give a whole number within \[1,"),
        ({"stop_on_success": 1}, "stop_on_success 1; give true or false"),
        ({"colour": 1}, "has no parameter colour; it has"),
    ],
)
def test_refuses_impossible_parameters(name: str, params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create_adaptive(name, params)


def _raise(*_: object) -> None:
    raise RuntimeError("broken on purpose")
