"""The Square attack where the best corner is known, without gradients, and against the white box."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.apgd import APGD, APGDT
from pipeline.attacks.registry import create
from pipeline.attacks.result import MASKED, NOT_FOOLED
from pipeline.attacks.square import Square
from pipeline.attacks.square_search import share
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, spec_of, trained_model


def test_shrinks_its_squares_on_the_papers_schedule() -> None:
    shares = [share(0.8, query, 10_000) / 0.8 for query in (1, 10, 11, 51, 201, 501, 1001, 2001, 4001, 6001, 8001)]
    assert shares == [1, 1, *(0.5**k for k in range(1, 10))]
    assert share(0.8, 26, 5000) == share(0.8, 52, 10_000) == 0.2


@pytest.mark.parametrize(("channels", "n_queries"), [(1, 1000), (3, 4000)])
def test_reaches_the_far_corner_of_the_ball_that_does_not_fool(channels: int, n_queries: int) -> None:
    model = linear_model(2, channels=channels)
    x = 0.5 + 0.02 * patterns(6, 2, channels)[0]
    with torch.no_grad():
        model.network.head.bias.copy_(torch.tensor([100.0, 0.0]))
    y = torch.zeros(6, dtype=torch.int64)
    result = Square(eps=0.01, n_queries=n_queries)(model, x, y, seeds=range(6))
    weight = model.network.head.weight.detach()
    wanted = x + 0.01 * (weight[1] - weight[0]).view(1, channels, 8, 8).sign()
    assert set(result.reason) == {NOT_FOOLED}
    # A square of one pixel never makes it worse: in the end only pixels that were not drawn are missing.
    assert (result.x_adv - wanted).abs().lt(1e-6).float().mean() > 0.99


def test_changes_every_pixel_by_the_whole_radius_up_to_the_box() -> None:
    model = linear_model(2)
    x = patterns(6, 2)[0]
    y = 1 - model(x).argmax(1)
    result = Square(eps=0.05, n_queries=200)(model, x, 1 - y, target=y, seeds=range(6))
    corners = torch.stack([(x + 0.05).clamp_max(1), (x - 0.05).clamp_min(0)])
    assert (corners - result.x_adv).abs().amin(0).max() < 1e-7


class RoundedNetwork(nn.Module):
    """A linear classifier of whole levels, which has no slope anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.head = linear_model(2).network.head

    def forward(self, x: Tensor) -> Tensor:
        return self.head((x * 64).round().flatten(1) / 64)


def test_fools_a_model_whose_gradient_is_masked() -> None:
    model = PixelModel(spec_of(2), RoundedNetwork())
    x = 0.5 + 0.01 * patterns(6, 2)[0]
    y = model(x).argmax(1)
    blind = APGD(eps=0.1, steps=10, start="clean")(model, x, y, seeds=range(6))
    assert set(blind.reason) == {MASKED}
    assert Square(eps=0.1)(model, x, y, seeds=range(6)).success.all()


def test_asks_the_model_as_often_as_it_says() -> None:
    model = linear_model(2)
    x = 0.5 + 0.02 * patterns(6, 2)[0]
    y = model(x).argmax(1)
    asked = []
    handle = model.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
    failed = Square(eps=1e-5, n_queries=50)(model, x, y, seeds=range(6))
    handle.remove()
    assert asked == [6] * 51  # The last one judges the result.
    assert failed.steps.tolist() == [50] * 6
    quick = Square(eps=0.3, n_queries=50)(model, x, y, seeds=range(6))
    assert quick.success.all()
    assert (quick.steps < 50).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_wastes_no_query_on_a_square_that_changes_nothing(channels: int) -> None:
    model = linear_model(2, channels=channels)
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.bias.copy_(torch.tensor([1.0, 0.0]))
    x = torch.full((2, channels, 8, 8), 0.5)
    asked: list[Tensor] = []
    handle = model.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[0].clone()))
    Square(eps=0.1, n_queries=100)(model, x, torch.zeros(2, dtype=torch.int64), seeds=range(2))
    handle.remove()
    stripes, proposals = asked[0], asked[1:100]
    assert all((tried != stripes).flatten(1).any(1).all() for tried in proposals)


def test_an_image_is_searched_the_same_whoever_is_beside_it() -> None:
    model, x, y = trained_model(4)
    model.eval()
    attack = Square(eps=6 / 255, n_queries=300)
    together = attack(model, x, y, seeds=range(len(x)))
    assert 0 < together.success.sum() < len(x)
    for i in range(0, len(x), 7):
        alone = attack(model, x[i : i + 1], y[i : i + 1], seeds=[i])
        torch.testing.assert_close(alone.x_adv, together.x_adv[i : i + 1], atol=0, rtol=0)
        assert alone.steps[0] == together.steps[i]


def test_spends_its_squares_where_pixels_may_change() -> None:
    model = linear_model(2, size=(8, 8))
    x = torch.full((1, 1, 8, 8), 0.5)
    y = torch.zeros(1, dtype=torch.int64)
    with torch.no_grad():
        model.network.head.bias.copy_(torch.tensor([100.0, 0.0]))
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[6:8, 1:4] = True
    result = Square(eps=0.1, n_queries=40)(model, x, y, mask=mask, seeds=[1])
    weight = model.network.head.weight.detach()
    wanted = torch.where(mask, x + 0.1 * (weight[1] - weight[0]).view(1, 1, 8, 8).sign(), x)
    torch.testing.assert_close(result.x_adv, wanted, atol=1e-6, rtol=0)
    nothing = Square(eps=0.1, n_queries=5)(model, x, y, mask=torch.zeros_like(mask), seeds=[1])
    assert torch.equal(nothing.x_adv, x)


@pytest.mark.parametrize("eps", [k / 255 for k in (2, 4, 6, 8)])
def test_is_no_stronger_than_the_white_box(eps: float) -> None:
    model, x, y = trained_model(4)
    model.eval()
    white = APGD(eps=eps)(model, x, y, seeds=range(len(x))).success
    white |= APGDT(eps=eps)(model, x, y, seeds=range(len(x))).success
    black = Square(eps=eps, n_queries=500)(model, x, y, seeds=range(len(x))).success
    assert (white | black).sum() - white.sum() <= 0.002 * len(x)
    assert black.sum() >= 0.8 * white.sum()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_queries": 0}, r"n_queries 0; give a whole number within \[1,"),
        ({"p_init": 1.2}, r"p_init 1.2; give a number within \[0, 1\]"),
        ({"steps": 5}, "square has no parameter steps; it has eps, n_queries, p_init"),
    ],
)
def test_refuses_with_the_allowed_value(params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create("square", params)
