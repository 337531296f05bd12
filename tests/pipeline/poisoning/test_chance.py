from dataclasses import replace

import numpy as np
import pytest

from pipeline.poisoning.chance import OF_RUN, Learning, learning, learning_of, not_learned
from pipeline.poisoning.success import Share


def of(n_hit, n, largest=0.25):
    return Learning("the classifier", Share(n_hit, n), "test images", largest)


@pytest.mark.parametrize(("n_hit", "n", "above"), [(23, 100, False), (30, 100, False), (40, 100, True), (0, 0, False)])
def test_better_than_chance_is_what_the_interval_says(n_hit, n, above):
    assert of(n_hit, n).above_chance is above


def test_more_images_tell_the_same_accuracy_from_chance():
    assert [of(3 * n // 10, n).above_chance for n in (100, 1000)] == [False, True]


def test_the_largest_class_is_what_accuracy_is_held_against():
    # Nine of ten right is nothing where nine of ten images are of one class.
    assert not learning_of("m", [[90, 0], [10, 0]]).above_chance
    assert learning_of("m", [[45, 5], [5, 45]]).above_chance
    told = learning_of("m", [[90, 0], [10, 0]])
    assert (told.largest, told.right) == (0.9, Share(90, 100))


def test_answers_are_held_against_labels():
    probs = np.eye(3)[[0, 1, 2, 0]]
    told = learning("m", probs, np.array([0, 1, 2, 2]), images="images")
    assert (told.right, told.largest) == (Share(3, 4), 0.5)


def test_who_is_not_better_is_named_with_the_next_step():
    quiet, good = of(23, 100), of(90, 100)
    assert not_learned([good], OF_RUN) is None
    words = not_learned([good, quiet], OF_RUN)
    assert words.startswith("The accuracy of the classifier is 23.0 % (15.8 % to 32.2 %) on 100 test images, no better")
    assert "always naming the largest class has 25.0 % right." in words
    assert words.endswith(f"{OF_RUN} Next: train for more epochs.")
    assert words.count("The accuracy of") == 1


def test_the_same_step_is_told_once():
    words = not_learned([of(23, 100), of(20, 100), replace(of(20, 100), step="wait")], OF_RUN)
    assert words.count("The accuracy of") == 3
    assert words.endswith("Next: train for more epochs; wait.")


def test_it_is_read_as_it_was_told():
    assert Learning.from_json(of(23, 100).of("before").to_json()) == of(23, 100).of("before")
