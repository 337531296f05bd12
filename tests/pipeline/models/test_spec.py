import pytest

from pipeline.errors import BadClassifier
from pipeline.models.spec import ClassifierSpec
from tests.pipeline.models.specs import small_spec


def test_comes_back_from_its_own_json():
    spec = small_spec(head="probabilities")
    assert ClassifierSpec.from_json(spec.to_json()) == spec


def test_a_sigmoid_head_gives_one_number():
    assert small_spec(classes=["no", "yes"], head="sigmoid").n_outputs == 1
    assert small_spec().n_outputs == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 2}, "2 channels"),
        ({"height": 7}, "height 7"),
        ({"width": 4000}, "width 4000"),
        ({"classes": ["one"]}, "at least two"),
        ({"classes": ["a", "a"]}, "at least two"),
        ({"mean": [0.1, 0.2]}, "one a channel"),
        ({"std": [float("nan")]}, "finite"),
        ({"std": [0.0]}, "above 0"),
        ({"head": "softplus"}, "head 'softplus'"),
        ({"head": "sigmoid"}, "two classes"),
        ({"height": "tall"}, "tall"),
        ({"colour": "red"}, "unknown keys"),
    ],
)
def test_refuses_what_no_classifier_has(changes, message):
    with pytest.raises(BadClassifier, match=message):
        small_spec(**changes)


def test_refuses_json_that_is_no_object():
    with pytest.raises(BadClassifier, match="JSON object"):
        ClassifierSpec.from_json(["resnet18"])
