import json

import pytest

from pipeline.errors import BadTraining
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings


@pytest.mark.parametrize(
    "how",
    [
        HardeningSettings(method="fast"),
        HardeningSettings(method="pgd", eps=0.3, steps=40, warm_up=0, share=0.5),
        HardeningSettings(method="pgd"),
    ],
)
def test_comes_back_from_its_own_json(how):
    assert HardeningSettings.from_json(json.loads(json.dumps(how.to_json()))) == how
    settings = TrainingSettings(hardening=how)
    assert TrainingSettings.from_json(json.loads(json.dumps(settings.to_json()))) == settings


def test_a_training_without_it_is_written_as_before_there_was_one():
    assert "hardening" not in TrainingSettings().to_json()
    assert TrainingSettings.from_json({"hardening": None}) == TrainingSettings()


def test_each_method_has_its_steps():
    fast, pgd = HardeningSettings(method="fast"), HardeningSettings(method="pgd", steps=10)
    assert (fast.n_gradients, fast.alpha) == (1, 1.25)
    assert (pgd.n_gradients, pgd.alpha) == (10, 0.25)
    assert HardeningSettings(method="pgd").n_gradients == 7


def test_the_radius_rises_from_nothing_and_stays():
    how = HardeningSettings(method="fast", eps=0.1, warm_up=0.3)
    assert how.rising_epochs(10) == 3
    assert [how.eps_at(done, 10) for done in (0, 1.5, 3, 9)] == [0, 0.05, 0.1, 0.1]
    assert HardeningSettings(method="fast", eps=0.1, warm_up=0).eps_at(0, 10) == 0.1


@pytest.mark.parametrize("epochs", [1, 2, 7, 1000])
def test_an_epoch_with_all_of_the_radius_is_always_left(epochs):
    assert HardeningSettings(method="fast", warm_up=0.9).rising_epochs(epochs) < epochs


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (3, "hardening is a JSON object, found int"),
        ({}, "hardening without a method; give one of fast, pgd"),
        ({"method": "trades"}, "hardening method 'trades'; give one of fast, pgd"),
        ({"method": "fast", "radius": 1}, "no setting radius of the hardening; there are method, eps"),
        ({"method": "fast", "eps": 0}, "hardening eps 0; give a fraction of the pixel range above 0 and below 0.5"),
        ({"method": "fast", "eps": 4}, "hardening eps 4; .* such as 4/255"),
        ({"method": "fast", "eps": 0.5}, "hardening eps 0.5"),
        ({"method": "fast", "eps": float("nan")}, "hardening eps nan"),
        ({"method": "fast", "eps": "4/255"}, "hardening eps '4/255'"),
        ({"method": "fast", "eps": True}, "hardening eps True"),
        ({"method": "fast", "steps": 3}, "hardening steps 3 with the method fast, which takes one; give method pgd"),
        ({"method": "pgd", "steps": 0}, "hardening steps 0; give a whole number from 1 to 100"),
        ({"method": "pgd", "steps": 101}, "hardening steps 101"),
        ({"method": "pgd", "steps": 2.5}, "hardening steps 2.5"),
        ({"method": "pgd", "warm_up": 1}, "hardening warm_up 1; give 0 to 0.9"),
        ({"method": "pgd", "share": 0}, "hardening share 0; give 0.01 to 1"),
        ({"method": "pgd", "share": None}, "hardening share None"),
    ],
)
def test_refuses_other_values(values, message):
    with pytest.raises(BadTraining, match=message):
        TrainingSettings.from_json({"hardening": values})


def test_a_hardening_of_another_type_is_refused():
    with pytest.raises(BadTraining, match="hardening 'fast'; give a value of type HardeningSettings"):
        TrainingSettings(hardening="fast")
