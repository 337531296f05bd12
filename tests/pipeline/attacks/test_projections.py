import pytest
import torch

from pipeline.attacks.projections import l2_norm, project_l2, project_linf

X = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1)).round(decimals=1)
FAR = X + 2 * torch.rand(X.shape, generator=torch.Generator().manual_seed(2)) - 1


@pytest.mark.parametrize("project", [project_linf, project_l2])
def test_ends_in_ball_and_box_and_stays_there(project) -> None:
    eps = torch.linspace(0, 1, 6)
    once = project(FAR, X, eps)
    size = (once - X).abs().amax((1, 2, 3)) if project is project_linf else l2_norm(once - X)
    assert (size <= eps * (1 + 1e-6) + 1e-7).all()
    assert once.min() >= 0
    assert once.max() <= 1
    torch.testing.assert_close(project(once, X, eps), once)


@pytest.mark.parametrize("project", [project_linf, project_l2])
def test_leaves_what_is_inside(project) -> None:
    near = (X + 0.001 * (FAR - X)).clamp(0, 1)
    torch.testing.assert_close(project(near, X, torch.full((6,), 0.9)), near)
    assert torch.equal(project(X, X, torch.zeros(6)), X)


def test_an_infinite_radius_is_only_the_box() -> None:
    torch.testing.assert_close(project_l2(FAR, X, torch.full((6,), torch.inf)), FAR.clamp(0, 1))
