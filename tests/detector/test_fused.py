import pytest
import torch

from detector.class_level import ClassLevel
from detector.errors import FeatureMismatch, NotEnoughSamples
from detector.fused import FusedDetector, logit_margin
from detector.fusion import fit_fusion
from detector.mahalanobis import Mahalanobis, fit_mahalanobis
from detector.naming import Naming
from detector.residual import ResidualNetwork
from detector.types import TYPES


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small_detector(channels=1):
    g = generator()
    features, labels = torch.randn(40, 6, generator=g), torch.arange(40) % 3
    evidence = torch.randn(60, 3, generator=g)
    is_adv = torch.arange(60) < 30
    evidence[is_adv] += 1
    fusion, level = fit_fusion(evidence, is_adv), ClassLevel(torch.tensor([0.5, -1.0, 2.0]))
    return FusedDetector(ResidualNetwork(channels), fit_mahalanobis(features, labels), fusion, level, Naming(channels))


def test_the_distance_is_the_textbook_one():
    g = generator()
    means, factor = torch.randn(3, 5, generator=g), torch.randn(5, 5, generator=g)
    features = torch.randn(7, 5, generator=g)
    precision = factor @ factor.T
    apart = features[:, None] - means[None]
    expected = torch.einsum("nkd,de,nke->nk", apart, precision, apart).amin(1)
    torch.testing.assert_close(Mahalanobis(means, factor)(features).exp(), expected + 1e-6, rtol=1e-4, atol=1e-4)


def test_a_feature_that_never_varies_and_a_class_without_images_do_no_harm():
    features = torch.randn(30, 4, generator=generator())
    features[:, 2] = 1.5
    fitted = fit_mahalanobis(features, torch.arange(30) % 2 * 5)
    assert fitted.means.shape == (2, 4)
    assert torch.isfinite(fitted(features)).all()


def test_too_few_or_broken_features_are_refused():
    with pytest.raises(NotEnoughSamples, match="3 clean images of 2 classes; expected at least 4"):
        fit_mahalanobis(torch.randn(3, 4), torch.tensor([0, 0, 1]))
    with pytest.raises(NotEnoughSamples, match="NaN or infinity"):
        fit_mahalanobis(torch.full((9, 4), float("nan")), torch.arange(9) % 2)


def test_means_and_whitening_must_agree():
    with pytest.raises(FeatureMismatch, match=r"means have 4 features and the whitening is \(3, 3\)"):
        Mahalanobis(torch.zeros(2, 4), torch.eye(3))


def test_fusion_finds_the_evidence_that_separates():
    evidence = torch.randn(400, 3, generator=generator())
    is_adv = evidence[:, 1] > 0
    fusion = fit_fusion(evidence, is_adv)
    assert fusion.weights.abs().argmax() == 1
    assert ((fusion(evidence) > 0) == is_adv).float().mean() > 0.95


def test_fusion_refuses_one_sided_or_broken_evidence():
    with pytest.raises(NotEnoughSamples, match="0 attacked among 5 held-out images"):
        fit_fusion(torch.randn(5, 3), torch.zeros(5, dtype=torch.bool))
    with pytest.raises(NotEnoughSamples, match="NaN or infinity"):
        fit_fusion(torch.full((4, 3), float("nan")), torch.arange(4) < 2)


def test_the_margin_is_between_the_two_largest():
    torch.testing.assert_close(logit_margin(torch.tensor([[1.0, 5.0, 3.0]])), torch.tensor([2.0]))


@pytest.mark.parametrize("channels", [1, 3])
def test_its_state_makes_the_same_detector(channels):
    detector = small_detector(channels)
    pixels = torch.rand(2, channels, 20, 17, generator=generator())
    features, logits = torch.randn(2, 6, generator=generator()), torch.randn(2, 3, generator=generator(1))
    again = FusedDetector.from_state(detector.state())
    torch.testing.assert_close(detector(pixels, features, logits), again(pixels, features, logits), rtol=0, atol=0)
    torch.testing.assert_close(detector.naming(pixels), again.naming(pixels), rtol=0, atol=0)
    assert detector.naming(pixels).shape == (2, len(TYPES))


def test_a_state_that_lacks_a_tensor_or_holds_nan_is_refused():
    state = small_detector().state()
    with pytest.raises(FeatureMismatch, match="these tensors make no detector"):
        FusedDetector.from_state({name: value for name, value in state.items() if name != "fusion.bias"})
    with pytest.raises(FeatureMismatch, match="NaN or infinity"):
        FusedDetector.from_state({**state, "fusion.bias": torch.tensor([float("nan")])})


def test_any_size_is_judged():
    network = ResidualNetwork(1).eval()
    for height, width in ((16, 16), (33, 47)):
        assert network(torch.rand(2, 1, height, width)).logit.shape == (2,)
