"""The protocol's sanity checks, on a small classifier that can be fooled and on broken ones that must be noticed."""

import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.pgd import PGD
from pipeline.attacks.sanity import (
    SanityRow,
    Subject,
    budgets,
    convergence,
    logits_of,
    monotony,
    order,
    subject,
    unbounded,
)
from pipeline.attacks.sanity_compared import (
    alarms,
    noise,
    release,
    repeatability,
    transfer,
    weaker_means,
    weights_sha256,
    worst_of,
)
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, trained_model


@pytest.fixture(scope="module")
def on() -> Subject:
    model, x, y = trained_model()
    return subject(model, levels_of(x), 8, y.numpy())


def levels_of(x: Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def unmet(rows: list[SanityRow]) -> list[str]:
    assert rows
    return [f"{row.check}, {row.what}: {row.measured}; required: {row.required}" for row in rows if not row.met]


def test_1_eps_0_and_budgets(on: Subject) -> None:
    assert not unmet(budgets(on))


def test_2_more_radius_and_more_steps_fool_no_fewer(on: Subject) -> None:
    assert not unmet(monotony(on))


def test_2_stronger_attacks_fool_no_fewer(on: Subject) -> None:
    assert not unmet(order(on))


def test_3_unbounded_attacks_fool_everything(on: Subject) -> None:
    assert not unmet(unbounded(on))


def test_4_twice_the_steps_change_next_to_nothing(on: Subject) -> None:
    assert not unmet(convergence(on))


def test_5_an_image_counts_when_any_draw_of_noise_fools(on: Subject) -> None:
    once, often = (noise(on, eps=96 / 255, n_draws=n) for n in (1, 20))
    counts = [int(row.measured.split()[0]) for row in (once, often)]
    assert 0 < counts[0] < counts[1] <= on.n
    assert often.what == "20 draws of +-eps noise at 96/255"


def test_5_noise_black_box_and_transfer_are_weaker(on: Subject) -> None:
    other = trained_model(n_steps=30)[0]
    # Not so large that nothing is left for the white box to be ahead by.
    assert not unmet(weaker_means(on, eps=8 / 255, n_queries=200, other=other))


def test_5_a_transfer_is_told_of_images_that_both_have_right(on: Subject) -> None:
    other = trained_model(n_steps=80)[0].eval()
    both = logits_of(other, on.levels, 8).argmax(1).numpy() == on.y
    wrong = replace(on, y=np.where(np.arange(on.n) < 5, (on.y + 1) % 3, on.y))
    row = transfer(wrong, other, eps=8 / 255, told="a second one")
    assert row.n == int(both[5:].sum())
    assert row.what == "pgd with 40 steps on a second one, shown to this one, at 8/255"


def test_5_a_transfer_as_strong_as_the_white_box_is_noticed(on: Subject) -> None:
    row = transfer(on, on.model, eps=16 / 255, told="itself")
    assert not row.met
    made = on.attacked(PGD(eps=16 / 255, steps=40)).success.sum()
    assert row.measured == f"{made} and {made} of {on.n} that both have right; the other itself on {made}"


def test_5_a_classifier_that_knows_nothing_is_no_other_one(on: Subject) -> None:
    blind = copy.deepcopy(on.model)
    with torch.no_grad():
        blind.network.head.weight.zero_()
        blind.network.head.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))
    chosen = on.y != 1
    rest = replace(on, levels=on.levels[chosen], y=on.y[chosen])
    with pytest.raises(BadAttack, match=f"the other classifier has none of {rest.n} images right; give one"):
        transfer(rest, blind, eps=8 / 255, told="a blind one")


def test_6_a_sound_model_raises_no_alarm(on: Subject) -> None:
    assert not unmet(alarms(on))


class Noisy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class Steps(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.round(x)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [(Noisy(), "random"), (nn.Softmax(dim=1), "probabilities"), (Steps(), "gradient of exactly zero")],
    ids=["random", "probabilities", "no gradient"],
)
def test_6_a_broken_model_is_noticed(part: nn.Module, sentence: str, on: Subject) -> None:
    model = copy.deepcopy(on.model)
    model.network.head = nn.Sequential(model.network.head, part)
    broken = Subject(model=model, levels=on.levels, bits=8, y=on.y, clean_accuracy=1.0)
    with torch.random.fork_rng(devices=[]):
        (row,) = alarms(broken)
    assert not row.met
    assert sentence in row.measured


def test_6_nan_is_noticed(on: Subject) -> None:
    model = copy.deepcopy(on.model)
    with torch.no_grad():
        model.network.head.bias[0] = torch.nan
    (row,) = alarms(Subject(model=model, levels=on.levels, bits=8, y=on.y, clean_accuracy=1.0))
    assert not row.met
    assert f"{on.n} of {on.n} images gave logits that are no finite numbers" in row.measured


def test_7_the_ensemble_misses_nothing_that_a_single_attack_finds(on: Subject, monkeypatch) -> None:
    (row,) = worst_of(on, eps=4 / 255)
    assert row.met
    assert row.measured.startswith(f"0 of {on.n}; robust by the ensemble")

    def weak(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(fooled_by=np.full(on.n, ""))

    monkeypatch.setattr("pipeline.attacks.sanity_compared.worst_case", weak)
    assert not worst_of(on, eps=4 / 255)[0].met


def test_8_a_release_holds_what_makes_it_again(on: Subject) -> None:
    attack = PGD(eps=8 / 255)
    assert not unmet(repeatability(on, attack))
    facts = json.loads(json.dumps(release(on, attack, on.attacked(attack))))
    assert facts["params"]["eps"] == 8 / 255
    assert len(facts["images"]) == on.n
    assert facts["versions"]["torch"] == torch.__version__
    assert facts["weights_sha256"] == weights_sha256(on.model)
    changed = copy.deepcopy(on.model)
    with torch.no_grad():
        changed.network.head.bias[0] += 1e-3
    assert weights_sha256(changed) != facts["weights_sha256"]


def test_a_model_that_cannot_be_attacked_is_noticed(on: Subject) -> None:
    """A head without a slope hides the way; the checks 2 and 3 must not pass on it."""
    model = copy.deepcopy(on.model)
    model.network.head = nn.Sequential(model.network.head, Steps())
    hidden = subject(model, on.levels, 8, on.y)
    assert unmet(unbounded(hidden, undefended=False))


def test_images_that_are_wrong_anyway_count_for_nothing() -> None:
    model = linear_model(3)
    x = patterns(12, 3)[0]
    right = model(x).argmax(1)
    y = torch.where(torch.arange(12) < 9, right, (right + 1) % 3)
    on = subject(model, levels_of(x), 8, y.numpy())
    assert on.n == 9
    assert on.clean_accuracy == 0.75


def test_a_classifier_without_a_right_image_is_refused() -> None:
    model: PixelModel = linear_model(3)
    x = patterns(6, 3)[0]
    with pytest.raises(BadAttack, match="has none of 6 images right"):
        subject(model, levels_of(x), 8, ((model(x).argmax(1) + 1) % 3).numpy())
