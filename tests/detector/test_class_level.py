import pytest
import torch

from detector.class_level import ClassLevel, fit_class_level
from detector.errors import NotEnoughSamples


def scans(n, k, n_classes, centre):
    """Scores round `centre` and sure answers of class `k`."""
    scores = centre + torch.randn(n, generator=torch.Generator().manual_seed(k))
    logits = torch.zeros(n, n_classes)
    logits[:, k] = 30
    return scores, logits


def test_classes_that_score_differently_are_made_level():
    parts = [scans(200, 0, 2, -5.0), scans(200, 1, 2, -1.0)]
    scores, logits = (torch.cat(both) for both in zip(*parts, strict=True))
    level = fit_class_level(scores, logits)
    levelled = scores - level(logits)
    apart = (levelled[:200].median() - levelled[200:].median()).abs()
    assert apart < 0.3, "were 4 apart before"


def test_a_class_of_few_scans_is_drawn_towards_all_and_an_absent_one_is_there():
    parts = [scans(100, 0, 3, 0.0), scans(2, 1, 3, 50.0)]
    scores, logits = (torch.cat(both) for both in zip(*parts, strict=True))
    level = fit_class_level(scores, logits)
    assert 5 < level.levels[1] < 15
    assert level.levels[2] == scores.median()


def test_an_unsure_answer_lies_between_the_classes():
    level = ClassLevel(torch.tensor([-2.0, 4.0]))
    torch.testing.assert_close(level(torch.zeros(1, 2)), torch.tensor([1.0]))


def test_no_scans_are_refused():
    with pytest.raises(NotEnoughSamples, match="0 clean held-out images"):
        fit_class_level(torch.empty(0), torch.empty(0, 3))
