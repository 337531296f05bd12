"""Rows 16 and 17: odd heads change nothing, and nothing of the model is changed."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from pipeline.attacks.attack import Attack
from pipeline.attacks.budget import Norm
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.universal import Universal
from pipeline.attacks.universal_fit import fit_universal
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.parity.classifier import Bench
from tests.pipeline.attacks.parity.conftest import Record

N = 12
RADIUS = {Norm.LINF: 4 / 255, Norm.L2: 0.6}


def attack_of(name: str, model: PixelModel, bench: Bench) -> Attack:
    """The attack at a moderate radius, with fewer steps where its defaults would take minutes.

    The one that is fitted beforehand is fitted to this model.
    """
    if name == Universal.NAME:
        x, y = bench.first(N)
        levels = (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return fit_universal(model, levels, 8, y.numpy(), eps=RADIUS[Norm.LINF], steps=20, seed=0).attack
    params: dict[str, object] = {"eps": RADIUS[ATTACKS[name].NORM]} if ATTACKS[name].BOUNDED else {}
    shorter = {"apgd": 30, "apgd_l2": 30, "apgd_t": 20}
    if name in shorter:
        params["steps"] = shorter[name]
    if name.startswith("square"):
        params["n_queries"] = 100
    return create(name, params)


def headed(bench: Bench, kind: str) -> PixelModel:
    """The same classifier with another head, which gives the same probabilities or is surer of the same classes."""
    model = copy.deepcopy(bench.model)
    head = model.network.head
    with torch.no_grad():
        if kind == "log_softmax":
            model.network.head = nn.Sequential(head, nn.LogSoftmax(dim=1))
        elif kind == "shift":
            head.bias -= 100
        else:
            head.weight *= 1e4
            head.bias *= 1e4
    return model.eval()


def n_fooled(name: str, model: PixelModel, bench: Bench, **changed: object) -> int:
    x, y = bench.first(N)
    attack = replace(attack_of(name, model, bench), **changed)
    return int(attack(model, x, y, seeds=range(N)).success.sum())


@pytest.mark.parametrize("name", list(ATTACKS))
def test_row_16_odd_heads_are_fooled_as_often(name: str, bench: Bench, record: Record) -> None:
    """The cross entropy of a head x 1e4 has the slope of the margin or none at all.

    Then the fallback climbs the margin: such a head is fooled as often as the plain one by the margin, which need not
    be as often as by the cross entropy, whose slope mixes all classes. The universal perturbation cuts every image's
    loss at 9 logits, which are soon reached x 1e4, so it may gain or lose an image.
    """
    plain = n_fooled(name, bench.model, bench)
    by_margin = n_fooled(name, bench.model, bench, loss="margin") if hasattr(ATTACKS[name], "loss") else plain
    log, shift, scale = (n_fooled(name, headed(bench, kind), bench) for kind in ("log_softmax", "shift", "scale"))
    record(
        16,
        f"{name}, heads: log-softmax, logits - 100, logits x 1e4",
        required="fooled as often as with the plain head",
        measured=f"{plain} plain, {log} log-softmax, {shift} shifted; {by_margin} by the margin, {scale} x 1e4",
        n=N,
        met=plain == log == shift == scale,
        note="x 1e4 the cross entropy is the margin: fooled as often as the plain head by the margin",
    )
    assert plain == log == shift
    assert abs(scale - by_margin) <= (name == Universal.NAME)
    assert abs(scale - plain) <= 1


def test_row_16_cw_finds_the_same_images_under_a_shift(bench: Bench, record: Record) -> None:
    x, y = bench.first(N)
    attack = CarliniWagner()
    plain = attack(bench.model, x, y, seeds=range(N))
    shifted = attack(headed(bench, "shift"), x, y, seeds=range(N))
    lengths = [(result.x_adv - x).flatten(1).norm(dim=1) for result in (plain, shifted)]
    off = float((lengths[1] / lengths[0] - 1).abs().max())
    record(
        16,
        "C&W, logits - 100",
        required="the same successes, L2 to 1 %",
        measured=f"{int(shifted.success.sum())} and {int(plain.success.sum())} fooled, L2 within {off:.1e}",
        n=N,
        met=torch.equal(plain.success, shifted.success) and off <= 0.01,
    )


def state_of(model: PixelModel) -> list[object]:
    """All of a model that an attack may leave changed."""
    flags = [module.training for module in model.modules()]
    parameters = [(p.requires_grad, None if p.grad is None else p.grad.clone()) for p in model.parameters()]
    return [flags, parameters, {name: value.clone() for name, value in model.state_dict().items()}]


def same(before: list[object], after: list[object]) -> bool:
    (flags, parameters, values), (flags_2, parameters_2, values_2) = before, after
    grads = [
        wanted == wanted_2 and (grad is grad_2 is None or torch.equal(grad, grad_2))
        for (wanted, grad), (wanted_2, grad_2) in zip(parameters, parameters_2, strict=True)  # type: ignore[call-overload]
    ]
    return flags == flags_2 and all(grads) and all(torch.equal(values[name], values_2[name]) for name in values)  # type: ignore[attr-defined,index]


@pytest.mark.parametrize("name", list(ATTACKS))
def test_row_17_a_model_is_left_as_it_was(name: str, bench: Bench, record: Record) -> None:
    x, y = bench.x[:4], bench.y[:4]
    attack, changed = attack_of(name, bench.model, bench), []
    for kind in ("in training mode", "with a frozen norm", "raising"):
        model = copy.deepcopy(bench.model).requires_grad_(True).train()
        model(x).sum().backward()
        if kind == "with a frozen norm":
            model.network.norm_1.eval()
            model.network.norm_1.weight.requires_grad_(False)
        if kind == "raising":
            model.network.head.register_forward_pre_hook(_raise)
        before, random_state = state_of(model), torch.get_rng_state()
        try:
            attack(model, x, y, seeds=range(4))
            raised = False
        except RuntimeError:
            raised = True
        kept = same(before, state_of(model)) and torch.equal(random_state, torch.get_rng_state())
        if not kept or raised != (kind == "raising"):
            changed.append(kind)
    record(
        17,
        f"{name}: a model in training mode, with a frozen norm, raising",
        required="flags, requires_grad, .grad, weights and the global random state unchanged",
        measured=f"changed {', '.join(changed)}" if changed else "unchanged",
        n=4,
        met=not changed,
    )


def _raise(*_: object) -> None:
    raise RuntimeError("broken on purpose")
