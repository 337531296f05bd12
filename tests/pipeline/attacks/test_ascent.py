import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks import ascent
from pipeline.attacks.ascent import Momentum, l2_unit
from pipeline.attacks.budget import LOSSES
from pipeline.attacks.registry import create
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.models import linear_model, patterns, spec_of


def test_momentum_forgets_no_image_that_had_no_slope_once() -> None:
    x, rows = torch.zeros(2, 1, 8, 8), torch.arange(2)
    momentum = Momentum(x, 1.0)
    flat = torch.zeros_like(x)
    assert torch.equal(momentum(flat, rows), flat)
    steep = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    assert torch.equal(momentum(steep, rows), steep.sign())


def test_momentum_weighs_gradients_by_direction_and_not_by_length() -> None:
    rows = torch.arange(1)
    gradient = torch.tensor([1.0, -2.0, 1.0]).view(1, 1, 1, 3)
    for length in (1e-6, 1.0, 1e6):
        momentum = Momentum(torch.zeros(1, 1, 1, 3), 1.0)
        momentum(torch.tensor([-4.0, 1.0, 1.0]).view(1, 1, 1, 3), rows)
        # -4/6 + 1/4, 1/6 - 2/4, 1/6 + 1/4, whatever the second gradient's length.
        assert momentum(length * gradient, rows).flatten().tolist() == [-1.0, -1.0, 1.0]


def test_an_l2_step_has_length_one_or_none() -> None:
    gradient = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    gradient[1] = 0
    lengths = l2_unit(gradient, torch.arange(3)).flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.tensor([1.0, 0.0, 1.0]))


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("name", ["fgsm", "fgm_l2", "bim", "pgd", "pgd_l2", "mim"])
def test_every_loss_can_be_climbed(name: str, loss: str) -> None:
    model = linear_model(4, seed=4)
    x = 0.5 + 0.01 * patterns(8, 4)[0]
    y = model(x).argmax(1)
    eps = torch.full((8,), 4.0 if name.endswith("l2") else 0.4)
    # The targeted DLR lifts the target above the true class alone; a third one may stay above both.
    for target in (None,) if loss == "dlr" else (None, (y + 1) % 4):
        assert create(name, {"loss": loss})(model, x, y, target=target, eps=eps, seeds=range(8)).success.all()


def test_too_few_classes_for_a_loss_are_refused() -> None:
    x, y = patterns(4, 2)
    with pytest.raises(BadAttack, match="loss dlr needs 3 classes, there are 2; take ce"):
        create("bim", {"loss": "dlr"})(linear_model(2), x, y, seeds=range(4))
    with pytest.raises(BadAttack, match="loss dlr needs 4 classes for a target, there are 3"):
        create("bim", {"loss": "dlr"})(linear_model(3), x, y, target=(y + 1) % 3, seeds=range(4))
    with pytest.raises(BadAttack, match="loss 'hinge'; give one of ce, margin, dlr"):
        create("fgsm", {"loss": "hinge"})


class _Root(nn.Module):
    """The square root of the pixels above grey: its slope is NaN below, and infinite at grey itself."""

    def forward(self, x: Tensor) -> Tensor:
        above = (x - 0.5).clamp_min(0).sqrt().flatten(1).sum(1)
        return torch.stack([above, -above], dim=1)


def test_pixels_without_a_finite_slope_stay_and_the_others_move() -> None:
    model = PixelModel(spec_of(2), nn.Sequential())
    model.mean.zero_()
    model.std.fill_(1)
    model.network = _Root()
    x = torch.full((2, 1, 8, 8), 0.6)
    x[0, :, :4] = 0.5
    moved = create("bim", {"eps": 0.05})(model, x, torch.zeros(2, dtype=torch.int64), seeds=range(2)).x_adv
    assert torch.equal(moved[0, :, :4], x[0, :, :4])
    torch.testing.assert_close(moved[0, :, 4:], x[0, :, 4:] - 0.05)
    torch.testing.assert_close(moved[1], x[1] - 0.05)


def test_an_image_goes_the_same_way_in_pieces_and_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    model = linear_model(4, channels=3, seed=4)
    x, y = patterns(12, 4, 3)
    for name in ("bim", "mim", "pgd_l2"):
        whole = create(name)(model, x, y, seeds=range(12)).x_adv
        monkeypatch.setattr(ascent, "_PIECE", 500)
        torch.testing.assert_close(create(name)(model, x, y, seeds=range(12)).x_adv, whole, rtol=0, atol=1e-7)
        monkeypatch.undo()


def test_leaves_the_callers_images_alone() -> None:
    model, (x, y) = linear_model(3), patterns(6, 3)
    x = x.contiguous(memory_format=torch.channels_last)
    before = x.clone()
    for name in ("fgsm", "bim", "pgd", "mim", "pgd_l2"):
        create(name)(model, x, y, seeds=range(6))
    assert torch.equal(x, before)
