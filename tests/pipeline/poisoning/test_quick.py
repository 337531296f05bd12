from dataclasses import replace

import pytest

from pipeline.errors import BadTraining
from pipeline.poisoning.quick import quick_settings, settings_like


def test_a_second_classifier_is_trained_like_the_first(dataset, settings):
    own = replace(settings, epochs=7, seed=3)
    assert settings_like({"settings": own.to_json()}, dataset) == own


def test_one_that_was_imported_says_nothing_and_another_is_trained_as_suits_the_images(dataset):
    assert settings_like({"origin": "imported"}, dataset) == quick_settings(dataset)


def test_notes_that_no_training_takes_are_refused(dataset):
    with pytest.raises(BadTraining, match="no setting colour"):
        settings_like({"settings": {"colour": 1}}, dataset)
