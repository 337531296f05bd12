import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import BadClassifier
from pipeline.models.adapter import PixelModel
from pipeline.models.registry import architectures, build_model, default_spec
from pipeline.models.resize import fit_levels
from tests.pipeline.models.specs import small_spec


class _Linear(nn.Module):
    """Outputs known in closed form: the mean of the normalised pixels, times a weight an output."""

    def __init__(self, *weights: float) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.tensor(weights))
        self.normal = nn.BatchNorm2d(1)

    def forward(self, x):
        return x.mean(dim=(1, 2, 3))[:, None] * self.weights


def _state_of(model):
    return (
        [module.training for module in model.modules()],
        [(parameter.requires_grad, parameter.grad) for parameter in model.parameters()],
    )


def _mixed_model():
    model = PixelModel(small_spec(), _Linear(1.0, 2.0, 3.0))
    model.train()
    model.network.normal.eval()
    model.network.normal.bias.requires_grad_(False)
    model(torch.rand(2, 1, 16, 16)).sum().backward()
    return model


def test_normalises_inside():
    model = PixelModel(small_spec(mean=[0.2], std=[0.5]), _Linear(1.0, 2.0, -1.0))
    logits = model(torch.full((1, 1, 16, 16), 0.7))
    torch.testing.assert_close(logits, torch.tensor([[1.0, 2.0, -1.0]]))


def test_shows_the_network_what_the_gate_shows_it():
    levels = np.random.default_rng(1).integers(0, 256, (23, 40, 3), dtype=np.uint8)
    model = PixelModel(small_spec(), _Linear(1.0, 2.0, 3.0))
    x = torch.from_numpy(levels.transpose(2, 0, 1)[None].astype(np.float32) / 255)
    np.testing.assert_allclose(model.pixels(x)[0].numpy(), fit_levels(levels, 8, model.spec), atol=1e-6)


def test_the_gradient_reaches_every_given_pixel():
    x = torch.rand(2, 3, 40, 23, requires_grad=True)
    model = PixelModel(small_spec(), _Linear(1.0, 2.0, 3.0))
    model(x)[:, 0].sum().backward()
    assert (x.grad > 0).all()


def test_probabilities_become_logits_whose_softmax_they_are():
    class Softmax(_Linear):
        def forward(self, x):
            return super().forward(x).softmax(dim=1)

    model = PixelModel(small_spec(head="probabilities"), Softmax(1.0, 2.0, 3.0))
    x = torch.rand(4, 1, 16, 16)
    plain = PixelModel(small_spec(), _Linear(1.0, 2.0, 3.0))
    torch.testing.assert_close(model(x).softmax(dim=1), plain(x).softmax(dim=1))


def test_a_probability_of_zero_stays_finite():
    class Sure(nn.Module):
        def forward(self, x):
            return torch.tensor([[1.0, 0.0, 0.0]]) + 0 * x.mean()

    assert PixelModel(small_spec(head="probabilities"), Sure())(torch.rand(1, 1, 16, 16)).isfinite().all()


def test_one_sigmoid_logit_becomes_two_classes():
    model = PixelModel(small_spec(head="sigmoid", classes=["no", "yes"], mean=[0.0], std=[1.0]), _Linear(2.0))
    probs = model(torch.full((1, 1, 16, 16), 0.5)).softmax(dim=1)
    torch.testing.assert_close(probs[0, 1], torch.tensor(1.0).sigmoid())


def test_frozen_evaluates_without_parameter_gradients_and_restores_everything():
    model = _mixed_model()
    modes, states = _state_of(model)
    with model.frozen() as same:
        assert same is model
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
        x = torch.rand(1, 1, 16, 16, requires_grad=True)
        model(x).sum().backward()
        model.zero_grad(set_to_none=False)
    assert modes == _state_of(model)[0]
    for (_, grad), (_, before) in zip(_state_of(model)[1], states, strict=True):
        assert grad is before
    assert model.network.weights.grad.abs().sum() > 0


def test_frozen_restores_also_when_the_block_raises():
    model = _mixed_model()
    modes, states = _state_of(model)
    with pytest.raises(KeyError), model.frozen():
        raise KeyError
    assert modes == _state_of(model)[0]
    assert [flag for flag, _ in states] == [flag for flag, _ in _state_of(model)[1]]
    assert model.network.weights.grad is states[0][1]


def test_frozen_lends_the_weights_another_layout_and_gives_their_memory_back():
    model = build_model(default_spec("SequentialCNN", classes=("a", "b"), channels=3, height=40, width=32))
    before = [(own.data_ptr(), own.stride(), own.detach().clone()) for own in model.parameters()]
    x = torch.rand(2, 3, 40, 32)
    with model.frozen() as plain:
        logits = plain(x)
    with model.frozen(channels_last=True):
        convolutions = [own for own in model.parameters() if own.ndim == 4]
        assert convolutions
        assert all(own.is_contiguous(memory_format=torch.channels_last) for own in convolutions)
        torch.testing.assert_close(model(x), logits)
    for own, (address, stride, values) in zip(model.parameters(), before, strict=True):
        assert (own.data_ptr(), own.stride()) == (address, stride)
        assert torch.equal(own, values)


@pytest.mark.parametrize("name", architectures())
def test_features_lead_to_the_same_logits(name):
    model = build_model(default_spec(name, classes=("a", "b"), channels=1, height=40, width=33)).eval()
    x = torch.rand(2, 3, 50, 40)
    with torch.no_grad():
        features, logits = model.features_and_logits(model.pixels(x))
        torch.testing.assert_close(logits, model(x))
    assert features.ndim == 2
    assert features.shape[1] > 100


def test_a_network_without_the_named_head_has_no_features():
    with pytest.raises(BadClassifier, match="no part 'head'"):
        PixelModel(small_spec(), nn.Sequential(nn.Identity())).features_and_logits(torch.rand(1, 1, 16, 16))


@pytest.mark.parametrize("name", architectures())
def test_every_architecture_gives_pooled_stages_from_coarse_to_the_penultimate(name):
    model = build_model(default_spec(name, classes=("a", "b"), channels=1, height=40, width=33)).eval()
    sides = []
    for stage in model.stage_names:
        model.network.get_submodule(stage).register_forward_hook(lambda _, __, maps: sides.append(maps.shape[2]))
    pixels = torch.rand(2, 1, 40, 33)
    with torch.no_grad():
        features, expected = model.features_and_logits(pixels)
        sides.clear()
        layers, logits = model.layers_and_logits(pixels)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(layers[-1], features)
    assert len(layers) == len(model.stage_names) + 1 >= 4
    assert all(layer.shape[0] == 2 and layer.ndim == 2 for layer in layers)
    assert sides == sorted(sides, reverse=True)


def test_a_stage_is_the_mean_of_its_maps():
    network = nn.Sequential()
    network.add_module("stem", nn.Conv2d(1, 2, 1, bias=False))
    network.add_module("pool", nn.AdaptiveAvgPool2d(1))
    network.add_module("head", nn.Linear(2, 3))
    nn.init.constant_(network.stem.weight, 3.0)
    model = PixelModel(small_spec(mean=[0.0], std=[1.0]), network, stage_names=("stem",))
    layers, _ = model.layers_and_logits(torch.full((1, 1, 16, 16), 0.5))
    torch.testing.assert_close(layers[0], torch.tensor([[1.5, 1.5]]))


def test_nobody_watches_the_stages_after_a_pass_that_raised():
    class Broken(nn.Module):
        def forward(self, x):
            raise RuntimeError("broken on purpose")

    network = nn.Sequential()
    network.add_module("stem", nn.Identity())
    network.add_module("head", Broken())
    model = PixelModel(small_spec(), network, stage_names=("stem",))
    with pytest.raises(RuntimeError, match="broken on purpose"):
        model.layers_and_logits(torch.rand(1, 1, 16, 16))
    assert not network.stem._forward_hooks


def test_a_stage_that_is_missing_or_not_come_by_is_refused():
    network = nn.Sequential()
    network.add_module("stem", nn.Identity())
    network.add_module("head", nn.Identity())
    network.add_module("unused", nn.Identity())
    with pytest.raises(BadClassifier, match="no stage 'layer9'; name one of its modules"):
        PixelModel(small_spec(), network, stage_names=("stem", "layer9")).layers_and_logits(torch.rand(1, 1, 16, 16))
    assert not network.stem._forward_hooks
    with pytest.raises(BadClassifier, match="did not come by its stages unused"):
        PixelModel(small_spec(), network, stage_names=("unused",)).layers_and_logits(torch.rand(1, 1, 16, 16))
