from dataclasses import replace

import numpy as np
import pytest

from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.out_of_fold import folds, out_of_fold
from pipeline.poisoning.poison import poison
from pipeline.poisoning.quick import quick_settings


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
