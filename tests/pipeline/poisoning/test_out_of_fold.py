from dataclasses import replace

import numpy as np
import pytest

from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.out_of_fold import folds, out_of_fold
from pipeline.poisoning.poison import poison
from pipeline.poisoning.quick import quick_settings
from pipeline.poisoning.search_trainings import for_few, search_trainings


def test_every_class_is_spread_evenly_over_the_folds(dataset):
    rows = dataset.indices("train")
    fold = folds(dataset, rows, 4, seed=0)
    for label in range(3):
        counts = np.bincount(fold[dataset.labels[rows] == label], minlength=4)
        assert counts.max() - counts.min() <= 1
    assert folds(dataset, rows, 4, seed=0).tolist() == fold.tolist()
    assert folds(dataset, rows, 4, seed=1).tolist() != fold.tolist()


def test_look_alikes_lie_in_one_fold(dataset):
    items = tuple(replace(item, group=item.group // 5) for item in dataset.items)
    alike = replace(dataset, items=items)
    rows = alike.indices("train")
    fold = folds(alike, rows, 3, seed=0)
    for group in set(alike.groups[rows]):
        assert len(set(fold[alike.groups[rows] == group])) == 1


@pytest.mark.usefixtures("one_thread")
def test_nobody_learned_the_label_that_he_is_asked_about(tmp_path, dataset):
    # A classifier that had seen a flipped label could repeat it; out of fold the picture alone decides.
    recipe = FlipRecipe(source=0, target=2, ratio=0.1)
    poisoned = poison(dataset, recipe, dataset.folder.parent, name="flipped")
    rows = poisoned.indices("train")
    settings = replace(quick_settings(poisoned), epochs=6, batch_size=16)
    probs = out_of_fold(poisoned, rows, settings, n_folds=3, work=tmp_path / "work")
    assert probs.shape == (90, 3)
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-5)
    assert (probs.argmax(1) == dataset.labels[rows]).mean() > 0.9
    places = [rows.tolist().index(i) for i in flipped(dataset, recipe)]
    assert (probs[places].argmax(1) == 0).mean() > 0.6
    assert not list((tmp_path / "work").rglob("checkpoint.pt"))
    said = []
    again = out_of_fold(
        poisoned, rows, settings, n_folds=3, work=tmp_path / "work", progress=lambda *told: said.append(told)
    )
    np.testing.assert_array_equal(again, probs)
    assert said == []  # One that was killed has what it had.


def test_few_images_get_as_many_steps(dataset):
    settings = quick_settings(dataset)
    few = for_few(settings, 60)
    assert (few.batch_size, few.epochs) == (8, 60)
    assert for_few(settings, 8000) == settings


def test_what_a_search_trains_is_told_with_why_it_differs(settings):
    both = search_trainings(replace(settings, epochs=2, batch_size=64), 2000, 80)
    assert both.words == (
        "4 classifiers of the folds, each on about 1500 images for 2 epochs. 4 of the 80 trusted images alone for 60 "
        "epochs with 10 images a step: so few images want more epochs than the folds to make 600 steps, at most 60."
    )
    assert both.to_json()["reference"] == {"n_classifiers": 4, "n_images": 80, "epochs": 60, "batch_size": 10}
    alike = search_trainings(replace(settings, epochs=90), 2000, 80)
    assert alike.words.endswith("for 90 epochs with 10 images a step.")
    alone = search_trainings(replace(settings, epochs=1), 2000, 0)
    assert alone.words == "4 classifiers of the folds, each on about 1500 images for 1 epoch."
    assert list(alone.to_json()) == ["folds"]
