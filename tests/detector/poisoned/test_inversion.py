import math

import numpy as np
import pytest
import torch
from torch import Tensor

from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite
from detector.poisoned.inversion import InversionSettings, anomaly_index, invert

K = 5
QUICK = InversionSettings(rounds=40, batch=16)


def images(n=48, seed=0):
    return 0.5 * torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def weights(planted: int | None) -> Tensor:
    """A linear model in which each class answers to a row of its own, and one to a white corner as well."""
    w = torch.zeros(K, 8, 8)
    w[torch.arange(K), torch.arange(K)] = 1
    if planted is not None:
        w[planted, 6:, 6:] = 5
    return w.flatten(1)


def predicting(w):
    return lambda x: x.flatten(1) @ w.T


@pytest.mark.parametrize("planted", [1, 3])
def test_a_planted_trigger_is_inverted_and_its_class_suspected(planted):
    found = invert(predicting(weights(planted)), images(), K, seed=0, settings=QUICK)
    assert found.suspected == (planted,)
    assert found.norms.argmin() == planted
    assert 4 * found.norms[planted] < np.median(found.norms)
    assert found.success[planted] >= 0.99
    inside = found.masks[planted, 6:, 6:].sum() / found.masks[planted].sum()
    assert inside >= 0.5


def test_without_a_trigger_nobody_is_suspected():
    for seed in range(3):
        assert invert(predicting(weights(None)), images(seed=seed), K, seed=seed, settings=QUICK).suspected == ()


def test_what_is_found_does_what_is_claimed():
    predict, x = predicting(weights(1)), images()
    found = invert(predict, x, K, seed=0, settings=QUICK)
    for k in range(K):
        mask, pattern = found.masks[k], found.patterns[k]
        turned = predict((1 - mask) * x + mask * pattern).argmax(1) == k
        assert turned.float().mean() >= 0.95
        assert found.norms[k] == pytest.approx(float(mask.sum()), rel=1e-5)
    assert 0 <= found.masks.min() <= found.masks.max() <= 1
    assert 0 <= found.patterns.min() <= found.patterns.max() <= 1


def test_the_seed_alone_decides_and_the_global_generator_is_left_alone():
    few = InversionSettings(rounds=3, batch=16)
    before = torch.get_rng_state()
    first, again, other = (invert(predicting(weights(1)), images(), K, seed=s, settings=few) for s in (1, 1, 2))
    assert torch.equal(first.masks, again.masks)
    assert torch.equal(first.patterns, again.patterns)
    assert not torch.equal(first.masks, other.masks)
    assert torch.equal(before, torch.get_rng_state())


def test_a_model_is_asked_and_not_changed():
    layer = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, K))
    before = [p.detach().clone() for p in layer.parameters()]
    invert(layer, images(), K, seed=0, settings=InversionSettings(rounds=2))
    for p, old in zip(layer.parameters(), before, strict=True):
        assert torch.equal(p, old)
        assert p.grad is None


def test_progress_is_told_in_plain_numbers_and_words():
    told = []
    invert(
        predicting(weights(None)),
        images(),
        K,
        seed=0,
        settings=InversionSettings(rounds=2),
        progress=lambda *step: told.append(step),
    )
    assert told == [(2 * k + i + 1, 2 * K, f"class {k}") for k in range(K) for i in range(2)]
    assert {tuple(map(type, step)) for step in told} == {(int, int, str)}


def test_a_class_that_no_mask_reaches_is_not_suspected():
    def never_zero(x):
        return torch.cat([torch.full((len(x), 1), -50.0) + 0 * x.sum((1, 2, 3))[:, None], x.flatten(1)[:, :4]], 1)

    found = invert(never_zero, images(), K, seed=0, settings=InversionSettings(rounds=4))
    assert found.norms[0] == 64
    assert found.success[0] == 0
    assert 0 not in found.suspected


def test_the_anomaly_index_is_the_distance_in_median_deviations():
    norms = np.array([10.0, 12.0, 14.0, 16.0, 2.0])
    # Median 12; deviations 2, 0, 2, 4, 10, of which the median is 2.
    np.testing.assert_allclose(anomaly_index(norms), np.array([2, 0, 2, 4, 10]) / (1.4826 * 2))
    assert np.isfinite(anomaly_index(np.array([5.0, 5.0, 5.0, 1.0]))).all()
    assert not anomaly_index(np.zeros(4)).any()


@pytest.mark.parametrize(
    ("x", "n_classes", "error", "message"),
    [
        (torch.zeros(4, 8, 8), K, FeatureMismatch, r"images \(4, 8, 8\); expected \(n, C, H, W\)"),
        (torch.zeros(0, 1, 8, 8), K, NotEnoughSamples, "0 images, 5 classes"),
        (images(), 2, NotEnoughSamples, "2 classes; .* three classes, since of two neither is an outlier"),
        (images(), 4, FeatureMismatch, r"the classifier answers \(1, 5\); expected \(1, 4\)"),
    ],
)
def test_what_cannot_be_inverted_is_refused(x, n_classes, error, message):
    with pytest.raises(error, match=message):
        invert(predicting(weights(None)), x, n_classes, seed=0, settings=QUICK)


def test_a_classifier_without_an_answer_is_refused():
    with pytest.raises(NotFinite, match="the classifier answers NaN or infinity"):
        invert(lambda x: torch.full((len(x), K), math.nan), images(), K, seed=0, settings=QUICK)
