import torch
import torch.nn.functional as F

from pipeline.attacks.budget import LOSSES as CLASSES_FOR
from pipeline.attacks.losses import LOSSES, cross_entropy, dlr, least_likely, margin

LOGITS = torch.tensor([[2.0, 1.0, -3.0], [-5.0, -4.0, -9.0]])
Y = torch.tensor([0, 1])


def test_the_margin_is_how_far_the_best_other_class_leads() -> None:
    torch.testing.assert_close(margin(LOGITS, Y, None), torch.tensor([-1.0, -1.0]))


def test_the_margin_of_a_target_is_how_far_it_leads_all_others() -> None:
    torch.testing.assert_close(margin(LOGITS, Y, torch.tensor([2, 0])), torch.tensor([-5.0, -1.0]))


def test_the_margin_does_not_move_when_all_logits_do() -> None:
    shifted = margin(LOGITS - 100, Y, None)
    torch.testing.assert_close(shifted, margin(LOGITS, Y, None))
    torch.testing.assert_close(margin(F.log_softmax(LOGITS, 1), Y, None), margin(LOGITS, Y, None))


def test_a_nan_logit_wins_nothing() -> None:
    assert not (margin(torch.full((1, 3), torch.nan), torch.tensor([0]), None) > 0).any()


def test_cross_entropy_climbs_away_from_the_class_and_towards_the_target() -> None:
    logits = LOGITS.clone().requires_grad_()
    away = torch.autograd.grad(cross_entropy(logits, Y, None).sum(), logits)[0]
    towards = torch.autograd.grad(cross_entropy(logits, Y, torch.tensor([2, 2])).sum(), logits)[0]
    assert (away[[0, 1], Y] < 0).all()
    assert (towards[:, 2] > 0).all()


def test_the_least_likely_class_has_the_lowest_logit() -> None:
    assert least_likely(LOGITS).tolist() == [2, 2]


def test_dlr_is_the_formula_and_knows_neither_shift_nor_scale() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0, -1.0], [0.0, 4.0, 1.0, 2.0]])
    y, target = torch.tensor([0, 2]), torch.tensor([1, 0])
    torch.testing.assert_close(dlr(logits, y, None), torch.tensor([(2.0 - 3) / (3 - 1), (4.0 - 1) / (4 - 1)]))
    torch.testing.assert_close(dlr(logits, y, target), torch.tensor([(1.0 - 3) / (3 - 0), (0.0 - 1) / (4 - 0.5)]))
    for goal in (None, target):
        torch.testing.assert_close(dlr(logits, y, goal), dlr(1000 * logits - 100, y, goal))


def test_equal_logits_give_no_nan() -> None:
    assert dlr(torch.zeros(1, 4), torch.tensor([0]), None).isfinite().all()
    assert set(LOSSES) == set(CLASSES_FOR)
