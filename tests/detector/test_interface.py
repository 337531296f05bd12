"""What holds for every method, whatever it measures."""

from dataclasses import replace

import pytest
import torch

from detector.class_level import ClassLevel
from detector.errors import FeatureMismatch, NotEnoughSamples, NotFinite, NotFitted
from detector.fused import Fused, FusedDetector
from detector.fusion import fit_fusion
from detector.interface import Examples, joined
from detector.layerwise import LayerMahalanobis
from detector.mahalanobis import fit_mahalanobis
from detector.naming import Naming
from detector.neighbours import Neighbours
from detector.residual import NoiseResidual, ResidualNetwork
from detector.spectrum import Spectrum
from detector.squeezing import Squeezing
from tests.detector.examples import N_ADV, N_CLEAN, generator, random_pixels, seen, stage_examples


def fused_detector():
    evidence, is_adv = torch.randn(60, 3, generator=generator()), torch.arange(60) < 30
    evidence[is_adv] += 1
    distance = fit_mahalanobis(torch.randn(40, 7, generator=generator()), torch.arange(40) % 3)
    levels = ClassLevel(torch.tensor([0.5, -1.0, 2.0]))
    return FusedDetector(ResidualNetwork(1), distance, fit_fusion(evidence, is_adv), levels, Naming(1))


def new_methods():
    detector = fused_detector()
    return [
        NoiseResidual(ResidualNetwork(1)),
        Spectrum(),
        LayerMahalanobis(),
        Neighbours(k=6),
        Squeezing(),
        Fused(detector.residual, detector.mahalanobis),
    ]


def examples_for(method, n=40):
    """Clean, harmless and attacked thirds of random scans, as the method measures them."""
    batches = [method.measure(seen(random_pixels(n, seed=k), seed=k)) for k in range(3)]
    kind = torch.arange(3).repeat_interleave(n)
    place = torch.arange(3 * n)
    return Examples(joined(batches), place % 3, kind == 2, kind == 0, place % 4)


every_method = pytest.mark.parametrize("method", new_methods(), ids=lambda method: type(method).__name__)


@every_method
def test_its_state_makes_the_same_method(method):
    method.fit(examples_for(method))
    batch = seen(random_pixels(seed=9), seed=9)
    again = type(method).from_state(method.state())
    torch.testing.assert_close(again.score(batch), method.score(batch), rtol=0, atol=0)
    assert method.score(batch).shape == (6,)


@every_method
def test_a_scan_scores_the_same_in_any_company(method):
    method.fit(examples_for(method))
    batch = seen(random_pixels(seed=9), seed=9)
    alone = replace(
        batch, pixels=batch.pixels[2:3], layers=tuple(layer[2:3] for layer in batch.layers), logits=batch.logits[2:3]
    )
    # Convolutions of one scan add up in another order than those of many.
    torch.testing.assert_close(method.score(alone), method.score(batch)[2:3], rtol=1e-3, atol=1e-3)


@every_method
def test_it_names_itself_and_its_source(method):
    assert method.NAME
    assert method.SOURCE


@every_method
def test_nan_is_refused_in_learning_and_in_judging(method):
    examples = examples_for(method)
    broken = tuple(part.clone() for part in examples.measured)
    broken[0][0, 0] = float("nan")
    with pytest.raises(NotFinite, match="holds NaN or infinity"):
        method.fit(replace(examples, measured=broken))
    method.fit(examples)
    with pytest.raises(NotFinite, match="holds NaN or infinity"):
        method.suspicion(broken)
    pixels = random_pixels()
    pixels[0, 0, 3, 3] = float("nan")
    with pytest.raises(NotFinite, match="check the images"):
        method.score(replace(seen(random_pixels()), pixels=pixels))


@every_method
def test_too_few_clean_or_no_attacked_images_are_refused(method):
    examples = examples_for(method)
    with pytest.raises(NotEnoughSamples, match="7 clean and 40 attacked images; expected at least 8 clean"):
        method.fit(examples.chosen(torch.arange(120) >= 33))
    with pytest.raises(NotEnoughSamples, match="40 clean and 0 attacked images"):
        method.fit(examples.chosen(~examples.is_adv))


@every_method
def test_measurements_of_another_shape_are_refused(method):
    examples = examples_for(method)
    method.fit(examples)
    with pytest.raises(FeatureMismatch, match="fit it beside this one"):
        method.suspicion(tuple(part[:, :-1] for part in examples.measured))
    with pytest.raises(FeatureMismatch, match="give one row an example"):
        method.fit(replace(examples, labels=examples.labels[1:]))


@pytest.mark.parametrize("method", new_methods(), ids=lambda method: type(method).__name__)
def test_before_it_has_learned_it_says_so(method):
    with pytest.raises(NotFitted, match="has not learned anything yet"):
        method.score(seen(random_pixels()))
    with pytest.raises(NotFitted, match="fit it on clean and attacked scans"):
        method.state()


@every_method
def test_a_state_that_lacks_a_tensor_or_holds_nan_is_refused(method):
    method.fit(examples_for(method))
    state = method.state()
    name = next(name for name in reversed(state) if name.startswith("judge."))
    with pytest.raises(FeatureMismatch, match="these tensors are not its own"):
        type(method).from_state({key: value for key, value in state.items() if key != name})
    broken = {key: value.clone() for key, value in state.items()}
    if broken[name].is_floating_point():
        broken[name].view(-1)[0] = float("nan")
        with pytest.raises(FeatureMismatch, match="hold NaN or infinity"):
            type(method).from_state(broken)


def test_the_fused_method_scores_as_the_detector_that_is_released():
    detector = fused_detector()
    batch = seen(random_pixels())
    with torch.no_grad():
        expected = detector(batch.pixels, batch.layers[-1], batch.logits)
    torch.testing.assert_close(Fused.of(detector).score(batch), expected, rtol=0, atol=0)


def test_the_scale_of_the_residual_logit_keeps_its_order():
    network = ResidualNetwork(1)
    method = NoiseResidual(network)
    logit = torch.linspace(-3, 5, 120)[:, None]
    place = torch.arange(120)
    method.fit(Examples((logit,), place % 2, place >= 80, place < 40, place % 4))
    assert method.suspicion((logit,)).diff().min() > 0


def test_examples_are_chosen_together():
    examples = stage_examples()
    attacked = examples.chosen(examples.is_adv)
    assert attacked.is_adv.all()
    assert [len(part) for part in attacked.measured] == [N_ADV, N_ADV]
    assert int(examples.is_clean.sum()) == N_CLEAN
