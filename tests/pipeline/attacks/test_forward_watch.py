"""A model that optimises by reverse-mode gradients while it answers is seen, and nothing stays behind."""

import threading
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.optim import optimizer
from torch.overrides import _get_current_function_mode_stack

from pipeline.attacks.ensemble_checks import ModelSigns, flags, signs
from pipeline.attacks.forward_watch import watched_forward
from pipeline.models.adapter import PixelModel
from pipeline.models.registry import architectures, build_model, default_spec
from tests.pipeline.attacks.models import linear_model, patterns, spec_of, trained_model

Purify = Callable[[nn.Module, Tensor], Tensor]


def by_optimiser(network: nn.Module, x: Tensor) -> Tensor:
    """Three steps of Adam towards a surer answer, as test-time purification does."""
    with torch.enable_grad():
        change = torch.zeros_like(x).requires_grad_()
        steps = torch.optim.Adam([change], lr=0.01)
        for _ in range(3):
            steps.zero_grad()
            (-network(x.detach() + change).logsumexp(1).sum()).backward()
            steps.step()
    return x + change.detach()


def by_gradient(network: nn.Module, x: Tensor) -> Tensor:
    with torch.enable_grad():
        here = x.detach().requires_grad_()
        slope = torch.autograd.grad(network(here).logsumexp(1).sum(), here)[0]
    return x + 0.01 * slope.sign()


def by_autograd_backward(network: nn.Module, x: Tensor) -> Tensor:
    with torch.enable_grad():
        here = x.detach().requires_grad_()
        torch.autograd.backward(network(here).logsumexp(1).sum())
    assert here.grad is not None
    return x + 0.01 * here.grad.sign()


def by_functional_gradient(network: nn.Module, x: Tensor) -> Tensor:
    return x + 0.01 * torch.func.grad(lambda at: network(at).logsumexp(1).sum())(x.detach()).sign()


def by_steps_without_backward(network: nn.Module, x: Tensor) -> Tensor:
    change = torch.zeros_like(x).requires_grad_()
    change.grad = x.detach() - 0.5
    torch.optim.SGD([change], lr=0.1).step()
    return x + change.detach()


def only_without_slopes(network: nn.Module, x: Tensor) -> Tensor:
    return x if torch.is_grad_enabled() else by_gradient(network, x)


def only_with_slopes(network: nn.Module, x: Tensor) -> Tensor:
    return by_gradient(network, x) if torch.is_grad_enabled() else x


PURIFIERS = [
    by_optimiser,
    by_gradient,
    by_autograd_backward,
    by_functional_gradient,
    by_steps_without_backward,
    only_without_slopes,
    only_with_slopes,
]


class Purifying(nn.Module):
    """A classifier that first changes the image; it may break afterwards."""

    def __init__(self, purify: Purify, *, broken: bool = False) -> None:
        super().__init__()
        self.network = linear_model(3).network
        self.purify = purify
        self.broken = broken

    def forward(self, x: Tensor) -> Tensor:
        purified = self.purify(self.network, x)
        if self.broken:
            raise RuntimeError("broken on purpose")
        return self.network(purified)


def looked_at(model: PixelModel, x: Tensor) -> ModelSigns:
    with model.frozen():
        return signs(model, x, torch.zeros(len(x), dtype=torch.int64))


def left_behind() -> tuple[int, int]:
    """How many hooks on optimisers and watches on functions there are."""
    return len(optimizer._global_optimizer_pre_hooks), len(_get_current_function_mode_stack())


@pytest.mark.parametrize("purify", PURIFIERS, ids=lambda purify: purify.__name__)
def test_a_purifying_model_is_seen(purify: Purify) -> None:
    seen = looked_at(PixelModel(spec_of(3), Purifying(purify)), patterns(6, 3)[0])
    assert seen.optimises
    assert any("optimises in its forward pass" in flag for flag in flags(seen, n_nan=0, n_square=0))


def test_one_batch_that_optimises_is_enough() -> None:
    assert ModelSigns(n=2).and_of(ModelSigns(n=3, optimises=True)).optimises
    assert not ModelSigns(n=2).and_of(ModelSigns(n=3)).optimises


@pytest.mark.parametrize("name", architectures())
def test_none_of_our_architectures_is_taken_for_one(name: str) -> None:
    spec = default_spec(name, classes=("a", "b", "c"), channels=1, height=64, width=64)
    model = build_model(spec)
    assert not looked_at(model, torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))).optimises


def test_none_of_the_models_of_the_tests_is_taken_for_one() -> None:
    for model in (linear_model(3), linear_model(2, head="sigmoid"), trained_model(3)[0]):
        assert not looked_at(model, patterns(6, 3)[0]).optimises


@pytest.mark.parametrize("broken", [False, True])
def test_nothing_stays_behind(broken: bool) -> None:
    before, wanted = left_behind(), torch.is_grad_enabled()
    model = PixelModel(spec_of(3), Purifying(by_optimiser, broken=broken))
    if broken:
        with pytest.raises(RuntimeError, match="broken on purpose"):
            looked_at(model, patterns(2, 3)[0])
    else:
        looked_at(model, patterns(2, 3)[0])
    assert left_behind() == before
    assert torch.is_grad_enabled() == wanted
    # And no later training is watched.
    with watched_forward() as watch:
        pass
    by_optimiser(model.network.network, patterns(2, 3)[0])
    assert not watch.optimises


def test_what_happens_outside_is_not_put_down_to_the_model() -> None:
    model, x = linear_model(3), patterns(3, 3)[0].requires_grad_()
    with watched_forward() as watch:
        logits = model(x)
    logits.sum().backward()
    assert not watch.optimises


def test_another_thread_may_train() -> None:
    weight = torch.ones(1, requires_grad=True)
    steps = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.ones(1)
    with watched_forward() as watch:
        trainer = threading.Thread(target=steps.step)
        trainer.start()
        trainer.join()
    assert not watch.optimises
    assert weight.item() < 1


def test_the_watch_changes_no_answer() -> None:
    model, x = trained_model(3)[0].eval(), patterns(6, 3)[0]
    with watched_forward():
        seen = model(x)
    assert torch.equal(seen, model(x))
