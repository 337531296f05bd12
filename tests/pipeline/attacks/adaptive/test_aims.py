"""How two slopes become one direction, and what the attacks are told of a gate."""

import pytest
import torch
from torch import Tensor

from pipeline.attacks.adaptive.aims import Selected, Weighed, orthogonal_to, unit
from pipeline.attacks.adaptive.problem import GateProblem, Slopes
from pipeline.attacks.adaptive.registry import create_adaptive
from pipeline.attacks.adaptive.view import AugmentedView, GateView
from pipeline.attacks.problem import pose
from tests.pipeline.attacks.adaptive.gates import TAU, N, guides_of, half_watched_gate, real_gate


def gradients(seed: int) -> Tensor:
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def inner(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((1, 2, 3))


def problem_of(*, eps: float = 16 / 255) -> GateProblem:
    network, x, y = half_watched_gate()
    attack = create_adaptive("joint_pgd", {"eps": eps})
    return GateProblem(**vars(pose(attack, GateView(network, TAU), x, y, target=None, eps=None, mask=None, n_seeds=N)))


def test_what_is_left_of_a_gradient_is_orthogonal_to_the_other() -> None:
    a, b = gradients(0), gradients(1) + gradients(0)
    left = orthogonal_to(a, b)
    torch.testing.assert_close(inner(left, b), torch.zeros(4), atol=1e-4, rtol=0)
    # What was taken away lies along the other one, and nothing else.
    taken = a - left
    torch.testing.assert_close(inner(taken, b).abs(), taken.flatten(1).norm(dim=1) * b.flatten(1).norm(dim=1))
    assert torch.equal(orthogonal_to(a, torch.zeros_like(a)), a)


def test_a_step_of_orthogonal_pgd_is_orthogonal_to_the_goal_that_is_not_its_turn() -> None:
    problem = problem_of()
    aim = Selected(orthogonal=True, slack=0.05)
    slopes = problem.slopes(problem.x)
    uphill = aim(problem, torch.arange(N), problem.x).uphill
    assert (slopes.margin < 0).all()
    assert (inner(uphill, slopes.by_margin) > 0).all()
    torch.testing.assert_close(inner(unit(uphill), unit(slopes.by_room)), torch.zeros(N), atol=1e-5, rtol=0)


def test_selective_pgd_takes_the_slope_of_the_goal_that_is_missed() -> None:
    problem = problem_of()
    aim = Selected(orthogonal=False, slack=0.05)
    right = problem.slopes(problem.x)
    assert torch.equal(aim(problem, torch.arange(N), problem.x).uphill, right.by_margin)
    fooling = (problem.x + 16 / 255 * right.by_margin.sign()).clamp(0, 1)
    wrong = problem.slopes(fooling)
    assert (wrong.margin > 0.05).all()
    assert torch.equal(aim(problem, torch.arange(N), fooling).uphill, wrong.by_room)


def told(n: int, margin: float, room: float) -> Slopes:
    return Slopes(torch.full((n,), margin), torch.full((n,), room), torch.ones(n, 1, 8, 8), torch.ones(n, 1, 8, 8))


@pytest.mark.parametrize(
    ("margin", "room", "factor"), [(1.0, -1.0, 1.1), (-1.0, 1.0, 1 / 1.1), (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0)]
)
def test_lambda_follows_the_goal_that_is_missed(margin: float, room: float, factor: float) -> None:
    problem = problem_of()
    aim = Weighed(problem, 2.0, lambda part, *_: told(len(part.y), margin, room))
    way = aim(problem.part(torch.tensor([1, 3])), torch.tensor([1, 3]), problem.x[[1, 3]])
    torch.testing.assert_close(aim.weights[[1, 3]], torch.full((2,), 2.0 * factor))
    assert (aim.weights[[0, 2, 4, 5]] == 2).all()
    assert way.worth.tolist() == [min(margin, room)] * 2


def test_the_view_says_what_the_gate_says() -> None:
    network, tau, x, _ = real_gate()
    with torch.no_grad():
        out, said = GateView(network, tau)(x), network(x)
    torch.testing.assert_close(out[:, :-1].softmax(1), said.probs)
    torch.testing.assert_close(out[:, -1], tau - said.score)


@pytest.mark.parametrize("shift", [0.0, -50.0])
def test_the_class_detected_wins_exactly_where_the_gate_flags(shift: float) -> None:
    network, x, _ = half_watched_gate()
    with torch.no_grad():
        network.model.network.head.bias += shift
        moved = torch.cat([x, (x + 0.2).clamp(0, 1), (x - 0.04).clamp(0, 1)])
        out = GateView(network, TAU)(moved)
        augmented = AugmentedView(GateView(network, TAU))(moved)
    flagged = out[:, -1] < 0
    assert flagged.any()
    assert not flagged.all()
    assert torch.equal(augmented.argmax(1) == 2, flagged)
    assert torch.equal(augmented[:, :2].argmax(1), out[:, :2].argmax(1))
    above = out[:, :2] - out[:, :2].amin(1, keepdim=True)
    torch.testing.assert_close(augmented[:, 2], (1 - out[:, -1]) * above.amax(1))


def test_a_detector_without_a_slope_leaves_the_classifiers() -> None:
    problem = problem_of()
    problem.view.gate.detector.forward = _flat  # type: ignore[method-assign]
    slopes = problem.slopes(problem.x)
    assert not slopes.by_room.any()
    assert slopes.by_margin.any()


def _flat(pixels: Tensor, features: Tensor, logits: Tensor):
    return pixels.detach().mean((1, 2, 3))


def test_guides_are_scans_of_other_classes_the_nearest_class_first() -> None:
    network, tau, x, y = real_gate()
    guides = guides_of(network, tau, x, y)
    attack = create_adaptive("feature_matching")
    view = GateView(network, tau)
    problem = guides.join(
        GateProblem(**vars(pose(attack, view, x, y, target=None, eps=None, mask=None, n_seeds=len(x))))
    )
    assert problem.guides is not None
    assert problem.guides.shape[1] == 2
    own = view.looked_at(x)[0].detach()
    for i in range(len(x)):
        apart = ((own[i] - guides.features) / guides.spread).square().mean(1)
        others = {int(k): float(apart[guides.labels == k].min()) for k in guides.labels.unique() if k != y[i]}
        found = [float(((own[i] - guide) / guides.spread).square().mean()) for guide in problem.guides[i]]
        assert found == pytest.approx(sorted(others.values()))
