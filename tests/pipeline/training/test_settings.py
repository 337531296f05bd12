import pytest

from pipeline.errors import BadTraining
from pipeline.training.settings import Augmentation, TrainingSettings


def test_comes_back_from_its_own_json():
    settings = TrainingSettings(epochs=3, augmentation=Augmentation(flip=0))
    assert TrainingSettings.from_json(settings.to_json()) == settings


def test_what_is_not_named_keeps_its_default():
    assert TrainingSettings.from_json({"epochs": 3}) == TrainingSettings(epochs=3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs 0; give 1 to 1000"),
        ({"learning_rate": float("nan")}, "learning_rate nan"),
        ({"batch_size": 1}, "batch_size 1; give 2"),
        ({"epochs": "many"}, "epochs"),
        ({"epochs": 2.5}, "epochs 2.5; give a value of type int"),
        ({"pretrained": "no"}, "type bool"),
        ({"device": None}, "type str"),
        ({"momentum": 0.9}, "no setting momentum"),
        ({"augmentation": 3}, "JSON object"),
        ({"augmentation": {"flip": "often"}}, "augmentation"),
    ],
)
def test_refuses_other_values(values, message):
    with pytest.raises(BadTraining, match=message):
        TrainingSettings.from_json(values)
