import pytest
import torch

from pipeline.errors import BadClassifier
from pipeline.models.fitting import model_with
from pipeline.models.registry import build
from tests.pipeline.models.specs import small_spec


def _state(**changes):
    return build(small_spec(**changes)).state_dict()


def test_weights_that_fit_give_a_model_in_evaluation_mode():
    model = model_with(small_spec(), _state())
    assert not model.training
    assert model(torch.rand(2, 1, 16, 16)).shape == (2, 3)


def test_another_number_of_classes_is_named():
    with pytest.raises(BadClassifier, match="weights give 4 outputs, 3 classes"):
        model_with(small_spec(), _state(classes=["a", "b", "c", "d"]))


def test_another_architecture_is_named_with_the_keys_that_differ():
    resnet = _state(architecture="resnet18", height=32, width=32)
    with pytest.raises(BadClassifier) as refused:
        model_with(small_spec(), resnet)
    message = str(refused.value)
    assert "missing (stages.0.0.weight" in message
    assert "unexpected (conv1.weight" in message
    assert message.count(".weight") < 15
    assert "they fit resnet18" in message


def test_weights_of_nothing_registered_are_told_what_is():
    with pytest.raises(BadClassifier, match=r"1 unexpected \(w\); registered are SequentialCNN"):
        model_with(small_spec(), {"w": torch.zeros(1)})


def test_weights_of_colour_for_a_grey_classifier_are_told_so():
    with pytest.raises(BadClassifier, match=r"weights take 3 channels, asked for 1; choose channels=3"):
        model_with(small_spec(), _state(channels=3, mean=[0.2] * 3, std=[0.2] * 3))


def test_another_shape_is_named_with_both_shapes():
    state = _state()
    state["stages.0.0.weight"] = torch.zeros(32, 1, 5, 5)
    with pytest.raises(
        BadClassifier, match=r"of another shape \(stages.0.0.weight \(32, 1, 5, 5\) for \(32, 1, 7, 7\)"
    ):
        model_with(small_spec(), state)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value):
    state = _state()
    state["head.1.bias"][0] = value
    with pytest.raises(BadClassifier, match=r"1 of .* hold NaN or an infinity \(head.1.bias\)"):
        model_with(small_spec(), state)


def test_weights_that_overflow_on_an_image_are_refused():
    state = {key: value * 1e30 if value.is_floating_point() else value for key, value in _state().items()}
    with pytest.raises(BadClassifier, match="NaN or an infinity for a test image"):
        model_with(small_spec(), state)
