import itertools

import pytest
import torch

from pipeline.attacks.budget import Norm
from pipeline.attacks.lattice import to_lattice, to_pixels


def random_batch(levels_max: int, n: int = 20) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(levels_max)
    x = to_pixels(torch.randint(0, levels_max + 1, (n, 1, 8, 8), generator=source), levels_max)
    return x, (x + 0.08 * (2 * torch.rand(x.shape, generator=source) - 1)).clamp(0, 1)


@pytest.mark.parametrize("k", [0, 1, 2, 4, 8, 16])
def test_keeps_the_whole_linf_radius_of_8_bits(k: int) -> None:
    x, far = random_batch(255)
    levels = to_lattice(far + (far - x).sign(), x, eps=torch.full((20,), k / 255), levels_max=255, norm=Norm.LINF)
    base = (x * 255).round()
    assert torch.equal((levels - base).abs().amax((1, 2, 3)), torch.full((20,), float(k)))


def test_gives_the_clean_levels_below_one_level() -> None:
    x, far = random_batch(255)
    levels = to_lattice(far, x, eps=torch.full((20,), 0.9 / 255), levels_max=255, norm=Norm.LINF)
    assert torch.equal(levels, (x * 255).round().int())


@pytest.mark.parametrize("levels_max", [255, 4095, 65535])
@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("radius", [0.003, 0.02, 0.1])
def test_never_leaves_ball_or_box(levels_max: int, norm: Norm, radius: float) -> None:
    x, far = random_batch(levels_max)
    delta = far - x
    size = delta.abs().amax((1, 2, 3)) if norm is Norm.LINF else delta.flatten(1).norm(dim=1)
    inside = x + delta * (radius / size).clamp_max(1).view(-1, 1, 1, 1)
    levels = to_lattice(inside, x, eps=torch.full((20,), radius), levels_max=levels_max, norm=norm)
    change = levels.double() / levels_max - (x.double() * levels_max).round() / levels_max
    grown = change.abs().amax((1, 2, 3)) if norm is Norm.LINF else change.flatten(1).norm(dim=1)
    assert (grown <= radius * (1 + 2e-6)).all()
    assert levels.min() >= 0
    assert levels.max() <= levels_max


def test_is_the_nearest_lattice_point_of_a_small_l2_ball() -> None:
    """Against a search over every lattice point, for three pixels."""
    x = torch.full((1, 1, 1, 3), 100 / 255)
    for wanted in ([2.6, 0.6, 0.3], [1.5, 1.6, 1.7], [0.4, 0.4, 2.9]):
        delta = torch.tensor(wanted).view(1, 1, 1, 3)
        eps = delta.flatten().norm() / 255
        got = to_lattice(x + delta / 255, x, eps=eps[None], levels_max=255, norm=Norm.L2).double() - 100
        points = torch.tensor(list(itertools.product(range(5), repeat=3)), dtype=torch.float64)
        allowed = points[points.norm(dim=1) <= eps.double() * 255 * (1 + 1e-6)]
        best = (allowed - torch.tensor(wanted)).norm(dim=1).min()
        found = (got.flatten() - torch.tensor(wanted)).norm()
        assert found <= best + 0.35  # Greedy, not a search: within a third of a level over three pixels.
        assert got.norm() <= eps * 255 * (1 + 1e-6)


def test_rounds_to_nearest_without_a_radius() -> None:
    x, far = random_batch(255)
    levels = to_lattice(far, x, eps=torch.full((20,), torch.inf), levels_max=255, norm=Norm.L2)
    assert (levels / 255 - far).abs().max() <= 0.5 / 255 + 1e-6
