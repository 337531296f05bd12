import pytest

from pipeline.training.checkpoint import EpochResult
from pipeline.training.choice import has_collapsed, is_best
from pipeline.training.hardening_settings import HardeningSettings
from pipeline.training.settings import TrainingSettings

# The third epoch is the first with all of the radius.
HARDENED = TrainingSettings(epochs=10, hardening=HardeningSettings(method="fast", warm_up=0.2))
CHANCE = 0.25


def results(*rows):
    """Epochs of training accuracy, validation loss, robust accuracy and that of the weights as they stand."""
    return [EpochResult(n, 1.0, row[0], row[1], 0.9, row[2], row[3]) for n, row in enumerate(rows)]


def best(history, best_epoch, settings=HARDENED):
    return is_best(history, best_epoch, settings, chance=CHANCE)


def collapsed(*rows, settings=HARDENED):
    return has_collapsed(results(*rows), settings, chance=CHANCE)


def test_a_plain_training_goes_by_validation_loss():
    plain = TrainingSettings()
    history = [EpochResult(0, 1.0, 0.5, 0.4, 0.9), EpochResult(1, 1.0, 0.5, 0.3, 0.1)]
    assert best(history, 0, plain)
    assert not best([*history, EpochResult(2, 1.0, 0.5, 0.35, 1.0)], 1, plain)


def test_a_hardened_one_goes_by_robust_accuracy_and_among_equals_by_loss():
    rows = [(0.5, 0.9, 0.5, 0.5)] * 2
    assert best(results(*rows, (0.5, 0.5, 0.5, 0.5), (0.5, 0.9, 0.6, 0.5)), 2)
    assert not best(results(*rows, (0.5, 0.5, 0.5, 0.5), (0.5, 0.1, 0.4, 0.5)), 2)
    assert best(results(*rows, (0.5, 0.5, 0.5, 0.5), (0.5, 0.4, 0.5, 0.5)), 2)
    assert not best(results(*rows, (0.5, 0.5, 0.5, 0.5), (0.5, 0.6, 0.5, 0.5)), 2)


def test_an_epoch_of_the_rising_radius_gives_way_to_any_of_the_whole_one():
    assert best(results((0.9, 0.1, 0.9, 0.9), (0.9, 0.2, 0.8, 0.8)), 0)
    assert best(results((0.9, 0.1, 0.9, 0.9), (0.9, 0.2, 0.8, 0.8), (0.7, 0.3, 0.5, 0.5)), 1)


def test_an_epoch_without_numbers_is_never_better():
    assert not best(results(*[(0.5, 0.9, 0.5, 0.5)] * 3, (0.5, float("nan"), 1.0, 1.0)), 2)


def test_a_fall_to_less_than_half_while_the_training_rises_or_stays_is_a_collapse():
    rows = [(0.5, 0.5, 0.6, 0.6)] * 3
    assert collapsed(*rows, (0.6, 0.5, 0.6, 0.29))
    assert collapsed(*rows, (0.5, 0.5, 0.6, 0.0))
    assert not collapsed(*rows, (0.6, 0.5, 0.6, 0.3))


def test_a_fall_of_both_is_none():
    assert not collapsed(*[(0.5, 0.5, 0.6, 0.6)] * 3, (0.49, 0.5, 0.6, 0.0))


def test_a_fall_from_what_a_constant_answer_reaches_is_none():
    assert not collapsed(*[(0.5, 0.5, CHANCE, CHANCE)] * 3, (0.6, 0.5, 0.0, 0.0))


def test_it_is_looked_for_from_the_whole_radius_on():
    high, low = (0.5, 0.5, 0.6, 0.6), (0.6, 0.5, 0.0, 0.0)
    assert not collapsed(high, low)
    assert collapsed(high, high, low)
    assert not best(results(high, high, low), 1)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_epochs_cannot_collapse(n):
    assert not collapsed(*[(0.5, 0.5, 0.6, 0.6)] * n)


def test_a_plain_training_cannot_collapse():
    assert not collapsed((0.5, 0.5, 0.9, 0.9), (0.6, 0.5, 0.0, 0.0), settings=TrainingSettings())
