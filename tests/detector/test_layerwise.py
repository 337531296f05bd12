import pytest
import torch

from detector.errors import NotEnoughSamples
from detector.folds import out_of_fold
from detector.layerwise import LayerMahalanobis, stage_distances
from detector.mahalanobis import Mahalanobis
from tests.detector.examples import generator, stage_examples


def test_each_stage_gives_its_own_textbook_distance():
    g = generator()
    stages = [Mahalanobis(torch.zeros(1, width), 2 * torch.eye(width)) for width in (3, 4)]
    measured = (torch.randn(5, 3, generator=g), torch.randn(5, 4, generator=g))
    expected = torch.stack([4 * (part**2).sum(1) for part in measured], 1)
    torch.testing.assert_close(stage_distances(stages, measured).exp(), expected + 1e-6, rtol=1e-4, atol=1e-4)


def test_the_stage_that_separates_gets_the_weight():
    method = LayerMahalanobis()
    examples = stage_examples()
    method.fit(examples)
    assert method.judge.fusion.weights[1] > 4 * method.judge.fusion.weights[0].abs()
    score = method.suspicion(examples.measured)
    assert score[examples.is_adv].min() > score[~examples.is_adv].median()


def test_features_that_do_not_separate_are_not_believed():
    # In-sample distances of clean scans to their own mean are too small; out of fold nothing separates.
    method = LayerMahalanobis()
    method.fit(stage_examples(shift=0.0))
    assert method.judge.fusion.weights.abs().max() < 0.6


def test_no_example_is_described_by_its_own_fold():
    examples = stage_examples()
    seen_by = []

    def described_by(clean):
        seen_by.append(set(clean.fold.tolist()))
        assert clean.is_clean.all()
        return lambda measured: measured[0]

    evidence = out_of_fold(examples, described_by)
    torch.testing.assert_close(evidence, examples.measured[0], rtol=0, atol=0)
    assert seen_by == [set(range(5)) - {fold} for fold in range(5)]


def test_clean_images_in_one_fold_are_refused():
    examples = stage_examples()
    with pytest.raises(NotEnoughSamples, match="lie in one; expected two or more folds"):
        LayerMahalanobis().fit(examples.chosen(examples.is_adv | (examples.fold == 0)))
