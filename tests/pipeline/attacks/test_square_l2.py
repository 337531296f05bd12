"""The Square attack under L2: its peaks, what a query moves, where the best change is known, and the white box."""

import pytest
import torch
from torch import Tensor

from pipeline.attacks.apgd import APGDL2
from pipeline.attacks.problem import Problem, pose
from pipeline.attacks.projections import l2_norm
from pipeline.attacks.registry import create
from pipeline.attacks.result import MASKED, NOT_FOOLED
from pipeline.attacks.square import SquareL2
from pipeline.attacks.square_l2 import Peaks, peak
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, spec_of, trained_model
from tests.pipeline.attacks.test_square import RoundedNetwork


def peak_of_the_paper(side: int) -> Tensor:
    """Eq. 2 of arXiv:1912.00049 written out, with its indices from 1."""

    def half(h_1: int, h_2: int) -> list[list[float]]:
        n = h_1 // 2

        def value(r: int, s: int) -> float:
            top = n - max(abs(r - h_1 // 2 - 1), abs(s - h_2 // 2 - 1))
            return sum(1 / (n + 1 - k) ** 2 for k in range(top + 1))

        return [[value(r, s) for s in range(1, h_2 + 1)] for r in range(1, h_1 + 1)]

    left, right = half(side, side // 2), half(side, side - side // 2)
    return torch.tensor([[*a, *(-b for b in other)] for a, other in zip(left, right, strict=True)])


@pytest.mark.parametrize("side", [2, 3, 4, 7, 12, 13])
@pytest.mark.parametrize("transposed", [False, True])
def test_a_peak_is_that_of_the_paper(side: int, transposed: bool) -> None:
    at = torch.arange(side)
    found = peak(at.view(1, -1, 1), at.view(1, 1, -1), torch.tensor([side]), torch.tensor(transposed).view(1, 1, 1))[0]
    wanted = peak_of_the_paper(side)
    torch.testing.assert_close(found, wanted.T if transposed else wanted)
    assert (found.min() < 0) & (found.max() > 0) & (found != 0).all()


def grey_problem(n: int = 4, channels: int = 1, side: int = 20, eps: float = 0.5) -> Problem:
    """Grey images far from black and white, so that no change is cut off."""
    model = linear_model(2, channels=channels, size=(side, side))
    x = torch.full((n, channels, side, side), 0.5)
    y = torch.zeros(n, dtype=torch.int64)
    return pose(SquareL2(eps=eps), model, x, y, target=None, eps=None, mask=None, n_seeds=n)


def started(problem: Problem, seed: int = 0) -> tuple[Tensor, Tensor, torch.Generator]:
    """First points, the boxes of whole images, and a source for queries."""
    n, _, height, width = problem.x.shape
    source, moves = torch.Generator().manual_seed(seed), Peaks()
    box = torch.tensor([0, 0, height, width]).expand(n, 4)
    drawn = torch.rand(n, moves.n_drawn(problem.x.shape)[0], generator=source)
    return moves.start(problem, box, drawn), box, source


@pytest.mark.parametrize("channels", [1, 3])
def test_starts_on_the_sphere_with_five_peaks_a_side(channels: int) -> None:
    problem = grey_problem(channels=channels)
    x_adv, _, _ = started(problem)
    change = x_adv - problem.x
    torch.testing.assert_close(l2_norm(change), problem.eps)
    # Each tile of 4 pixels a side is one peak: of one absolute shape, turned or not, and with both signs.
    for tile in change.unfold(2, 4, 4).unfold(3, 4, 4).reshape(-1, 4, 4):
        shape = peak_of_the_paper(4)
        shape = shape / shape.abs().max() * change.abs().max()
        assert any(torch.allclose(tile, way, atol=1e-6) for way in (shape, -shape, shape.T, -shape.T))


@pytest.mark.parametrize("channels", [1, 3])
def test_a_query_moves_length_from_one_window_to_another(channels: int) -> None:
    problem = grey_problem(channels=channels)
    x_adv, box, source = started(problem)
    drawn = torch.rand(4, 5 + channels, generator=source)
    drawn[:, :4] = torch.tensor([0.0, 0.0, 0.99, 0.99])  # Top left and bottom right.
    tried = Peaks().move(problem, x_adv, box, drawn, covered=25 / 400)
    before, after = x_adv - problem.x, tried - problem.x
    torch.testing.assert_close(l2_norm(after), problem.eps)
    first, second = (slice(None), slice(None), slice(5), slice(5)), (..., slice(15, None), slice(15, None))
    assert (after[second] == 0).all()
    elsewhere = torch.ones_like(problem.x, dtype=torch.bool)
    elsewhere[first] = elsewhere[second] = False
    torch.testing.assert_close(after[elsewhere], before[elsewhere])
    # Channel by channel the first window has what both held, and points half to its old self, half to the peak.
    held = (before[first].square() + before[second].square()).sum((2, 3)).sqrt()
    shape = peak_of_the_paper(5)
    way = torch.where(drawn[:, 4] >= 0.5, 1, 0)
    for image in range(4):
        unit = shape / shape.norm()
        unit = unit.T if way[image] else unit
        for channel in range(channels):
            old = before[image, channel, :5, :5]
            wanted = (1 if drawn[image, 5 + channel] >= 0.5 else -1) * unit + old / old.norm()
            wanted = wanted / wanted.norm() * held[image, channel]
            torch.testing.assert_close(after[image, channel, :5, :5], wanted, atol=1e-6, rtol=1e-4)


def test_windows_have_a_middle() -> None:
    """An even side becomes the next odd one."""
    problem = grey_problem()
    x_adv, box, source = started(problem)
    drawn = torch.rand(4, 6, generator=source)
    drawn[:, :4] = torch.tensor([0.0, 0.0, 0.99, 0.99])
    tried = Peaks().move(problem, x_adv, box, drawn, covered=16 / 400)
    changed = (tried != x_adv).any(0)[0]
    assert torch.equal(changed.nonzero().amin(0), torch.tensor([0, 0]))
    assert (changed[:5, :5] & changed[15:, 15:]).all()
    assert changed.sum() == 50


def test_stays_within_black_and_white() -> None:
    problem = grey_problem(eps=8.0)
    problem.x[:, :, :10], problem.x[:, :, 10:] = 0.02, 0.98
    x_adv, box, source = started(problem)
    for covered in (0.04, 0.2, 0.8):
        x_adv = Peaks().move(problem, x_adv, box, torch.rand(4, 6, generator=source), covered=covered)
        assert x_adv.min() >= 0
        assert x_adv.max() <= 1
        assert (l2_norm(x_adv - problem.x) <= problem.eps * (1 + 1e-6)).all()


def test_a_peak_against_what_is_there_takes_its_place() -> None:
    """In a window of one pixel the two cancel, and the sign would be lost."""
    problem = grey_problem(n=2, eps=0.25)
    box = torch.tensor([[7, 7, 1, 1]] * 2)
    at = torch.zeros_like(problem.x)
    at[:, :, 7, 7] = 0.25
    drawn = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, sign] for sign in (0.0, 0.9)])
    tried = Peaks().move(problem, problem.x + at, box, drawn, covered=0.5)[:, 0, 7, 7] - 0.5
    torch.testing.assert_close(tried.abs(), torch.full((2,), 0.25))
    assert tried[0] == -tried[1]


def test_spends_again_what_the_box_cut_off() -> None:
    problem = grey_problem(eps=4.0)
    problem.x[:, :, :10] = 0.0
    x_adv, box, source = started(problem)
    cut = l2_norm(x_adv - problem.x)
    assert (cut < 0.9 * problem.eps).all()
    drawn = torch.rand(4, 6, generator=source)
    drawn[:, :4] = torch.tensor([0.99, 0.0, 0.99, 0.0])  # Both windows at the grey bottom.
    tried = Peaks().move(problem, x_adv, box, drawn, covered=0.2)
    assert (l2_norm(tried - problem.x) > cut + 0.1).all()
    assert (l2_norm(tried - problem.x) <= problem.eps * (1 + 1e-6)).all()


def test_finds_two_thirds_of_what_the_best_direction_gains_where_it_is_known() -> None:
    model = linear_model(2)
    x = torch.full((6, 1, 8, 8), 0.5)
    with torch.no_grad():
        model.network.head.bias.copy_(torch.tensor([100.0, 0.0]))
    result = SquareL2(eps=0.2, n_queries=3000)(model, x, torch.zeros(6, dtype=torch.int64), seeds=range(6))
    weight = model.network.head.weight.detach()
    best = (weight[1] - weight[0]).view(1, 1, 8, 8)
    change = result.x_adv - x
    assert set(result.reason) == {NOT_FOOLED}
    assert ((change * best).sum((1, 2, 3)) > 2 / 3 * 0.2 * best.norm()).all()


def test_fools_a_model_whose_gradient_is_masked() -> None:
    model = PixelModel(spec_of(2), RoundedNetwork())
    x = 0.5 + 0.01 * patterns(6, 2)[0]
    y = model(x).argmax(1)
    assert set(APGDL2(eps=0.8, steps=10, start="clean")(model, x, y, seeds=range(6)).reason) == {MASKED}
    assert SquareL2(eps=0.8)(model, x, y, seeds=range(6)).success.all()


def test_asks_the_model_as_often_as_it_says() -> None:
    model = linear_model(2)
    x = 0.5 + 0.02 * patterns(6, 2)[0]
    y = model(x).argmax(1)
    asked = []
    handle = model.register_forward_pre_hook(lambda _, inputs: asked.append(len(inputs[0])))
    failed = SquareL2(eps=1e-4, n_queries=50)(model, x, y, seeds=range(6))
    handle.remove()
    assert asked == [6] * 51  # The last one judges the result.
    assert failed.steps.tolist() == [50] * 6


def test_an_image_is_searched_the_same_whoever_is_beside_it() -> None:
    model, x, y = trained_model(4)
    model.eval()
    attack = SquareL2(eps=0.3, n_queries=200)
    together = attack(model, x, y, seeds=range(len(x)))
    assert 0 < together.success.sum() < len(x)
    for i in range(0, len(x), 7):
        alone = attack(model, x[i : i + 1], y[i : i + 1], seeds=[i])
        torch.testing.assert_close(alone.x_adv, together.x_adv[i : i + 1], atol=0, rtol=0)
        assert alone.steps[0] == together.steps[i]


@pytest.mark.parametrize("place", [(slice(6, 8), slice(1, 4)), (slice(3, 4), slice(2, 3))], ids=["6 pixels", "1 pixel"])
def test_spends_its_length_where_pixels_may_change(place: tuple[slice, slice]) -> None:
    model = linear_model(2)
    x = torch.full((8, 1, 8, 8), 0.5)
    with torch.no_grad():
        model.network.head.bias.copy_(torch.tensor([100.0, 0.0]))
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[place] = True
    y = torch.zeros(8, dtype=torch.int64)
    result = SquareL2(eps=0.1, n_queries=60)(model, x, y, mask=mask, seeds=range(8))
    change = result.x_adv - x
    assert torch.equal(result.x_adv[..., ~mask], x[..., ~mask])
    torch.testing.assert_close(l2_norm(change), torch.full((8,), 0.1))
    weight = model.network.head.weight.detach()
    best = ((weight[1] - weight[0]).view(1, 1, 8, 8) * mask)[..., mask]
    gained = (change[..., mask] * best).sum((1, 2))
    assert (gained > 0.5 * 0.1 * best.norm()).all()
    nothing = SquareL2(eps=0.1, n_queries=5)(model, x, y, mask=torch.zeros_like(mask), seeds=range(8))
    assert torch.equal(nothing.x_adv, x)


@pytest.mark.parametrize("eps", [0.1, 0.3, 0.6])
def test_is_no_stronger_than_the_white_box(eps: float) -> None:
    model, x, y = trained_model(4)
    model.eval()
    white = APGDL2(eps=eps)(model, x, y, seeds=range(len(x))).success
    black = SquareL2(eps=eps, n_queries=500)(model, x, y, seeds=range(len(x))).success
    assert (white | black).sum() - white.sum() <= 0.002 * len(x)
    assert black.sum() >= 0.7 * white.sum()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_queries": 0}, r"n_queries 0; give a whole number within \[1,"),
        ({"p_init": 1.2}, r"p_init 1.2; give a number within \[0, 1\]"),
        ({"eps": 2000.0}, r"eps 2000.0; a l2 radius lies within \[0, 1024\]"),
        ({"steps": 5}, "square_l2 has no parameter steps; it has eps, n_queries, p_init"),
    ],
)
def test_refuses_with_the_allowed_value(params: dict[str, object], message: str) -> None:
    with pytest.raises(BadAttack, match=message):
        create("square_l2", params)
