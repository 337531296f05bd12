"""Slopes through rounding and cutting."""

import pytest
import torch

from detector.high_pass import HighPass
from pipeline.attacks.adaptive.straight import StraightThrough
from pipeline.attacks.adaptive.view import GateView
from tests.pipeline.attacks.adaptive.gates import real_gate

CHANGES = {
    "round": lambda x: (x * 31).round() / 31,
    "torch.round": lambda x: torch.round(x, decimals=1),
    "clamp": lambda x: x.clamp(-0.1, 0.1),
    "torch.clamp": lambda x: torch.clamp(x, max=0.2),
    "floor": lambda x: x.floor(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_no_value_and_gives_every_pixel_a_slope(change) -> None:
    x = torch.linspace(-1, 1, 9, requires_grad=True)
    plain = change(x)
    with StraightThrough():
        straight = change(x)
    assert torch.equal(plain, straight)
    assert (torch.autograd.grad(straight.sum(), x)[0] != 0).all()
    assert (torch.autograd.grad(plain.sum(), x)[0] == 0).any()
    assert not x.round().grad_fn.name().startswith("_Straight")


def test_sees_past_the_truncation_of_residuals() -> None:
    x = torch.zeros(1, 1, 16, 16)
    x[..., 8:] = 1.0  # An edge of 255 levels, cut at 8.
    here = x.requires_grad_()
    high_pass = HighPass(1)
    at_the_edge = high_pass(here)[:, 0, :, 7].sum()
    assert not torch.autograd.grad(at_the_edge, here)[0].any()
    with StraightThrough():
        at_the_edge = high_pass(here)[:, 0, :, 7].sum()
    assert torch.autograd.grad(at_the_edge, here)[0].any()


def test_a_view_answers_alike_with_and_without() -> None:
    network, tau, x, _ = real_gate()
    plain, straight = (GateView(network, tau, straight=way)(x.clone().requires_grad_()) for way in (False, True))
    assert torch.equal(plain, straight)
