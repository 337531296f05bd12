import torch

from pipeline.attacks.ascent import Momentum, l2_unit


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
