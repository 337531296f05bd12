import pytest
import torch

from pipeline.errors import BadClassifier
from pipeline.models.registry import architecture, architectures, build, build_model, default_spec, register


def test_names_the_three_architectures():
    assert architectures() == ("SequentialCNN", "SmallCNN", "resnet18", "efficientnet_b0")


def test_refuses_a_second_of_the_same_name():
    with pytest.raises(BadClassifier, match="registered already"):
        register(architecture("resnet18"))


def test_refuses_an_unknown_name_and_says_which_there_are():
    with pytest.raises(BadClassifier, match=r"'vgg'.*SequentialCNN, SmallCNN, resnet18, efficientnet_b0"):
        architecture("vgg")


@pytest.mark.parametrize("name", architectures())
@pytest.mark.parametrize("channels", [1, 3])
def test_every_architecture_gives_logits_down_to_its_smallest_size(name, channels):
    side = architecture(name).min_side
    model = build_model(default_spec(name, classes=("a", "b", "c"), channels=channels, height=side, width=side + 5))
    with model.frozen(), torch.no_grad():
        assert model(torch.rand(2, channels, side, side)).shape == (2, 3)


@pytest.mark.parametrize("name", architectures())
def test_refuses_an_input_that_is_too_small_for_it(name):
    side = architecture(name).min_side - 1
    with pytest.raises(BadClassifier, match=f"{side}x{side}"):
        build(default_spec(name, classes=("a", "b"), channels=1, height=side, width=side))


def test_the_seed_makes_the_weights_and_the_global_generator_is_left_alone():
    spec = default_spec("SequentialCNN", classes=("a", "b"), channels=1, height=16, width=16)
    before = torch.get_rng_state()
    first, same, other = (build(spec, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert any(not torch.equal(value, other[key]) for key, value in first.items())


def test_ours_has_no_imagenet_weights():
    spec = default_spec("SequentialCNN", classes=("a", "b"), channels=1, height=16, width=16)
    with pytest.raises(BadClassifier, match="no ImageNet weights"):
        build(spec, pretrained=True)
