from dataclasses import replace

import pytest

from pipeline.errors import BadPoison
from pipeline.models.files import load_model
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe
from pipeline.poisoning.backdoor_lab import run_backdoor_lab
from pipeline.poisoning.flip_lab import flip_report, run_flip_lab
from pipeline.poisoning.flips import CYCLIC, FlipRecipe
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.poison import poison
from pipeline.poisoning.quick import judging_settings, quick_settings
from pipeline.poisoning.success import Share, backdoor_success, predicted
from pipeline.poisoning.triggers import Trigger
from pipeline.training.settings import Augmentation
from tests.pipeline.poisoning.pictures import pictures

pytestmark = pytest.mark.usefixtures("one_thread")


def test_half_flipped_labels_cost_the_source_its_recall_and_others_nothing(dataset, settings, root):
    recipe = FlipRecipe(source=0, target=2, ratio=0.5)
    report = run_flip_lab(dataset, recipe, settings, root)
    assert report.original.report.accuracy > 0.95
    assert (report.n_flipped, report.n_train) == (15, 90)
    assert report.other.recall(0) < report.original.recall(0) - 0.1
    assert report.other.recall(1) > 0.9
    told = report.to_json()
    (pair,) = told["pairs"]
    assert (pair["source"], pair["target"], pair["n"]) == (0, 2, 20)
    assert pair["cell_poisoned"] == report.other.report.confusion[0][2] > 1
    assert sum(told["poisoned"]["predicted"]) == 60
    assert len(told["original"]["history"]) == 4
    assert any("nothing in the data can tell" in line for line in told["analysis"])


def test_a_run_that_learned_nothing_says_so(dataset, settings, root):
    quick = replace(settings, epochs=1, learning_rate=1e-6)
    flips = run_flip_lab(dataset, FlipRecipe(source=0, target=2, ratio=0.2), quick, root)
    told = flips.to_json()
    assert [(one["who"], one["above_chance"]) for one in told["learning"]] == [
        ("the original model", False),
        ("the poisoned model", False),
    ]
    assert told["not_learned"].endswith("What this says of poison means little. Next: train for more epochs.")
    backdoor = run_backdoor_lab(dataset, BackdoorRecipe(target=1, rate=0.2), quick, root).to_json()
    assert [one["who"] for one in backdoor["learning"]] == ["the clean model", "the dirty-label backdoor"]
    assert "The accuracy of the dirty-label backdoor is" in backdoor["not_learned"]


def test_a_classifier_that_is_there_is_not_trained_again(dataset, settings, root):
    recipe = FlipRecipe(kind=CYCLIC, ratio=0.1)
    first = run_flip_lab(dataset, recipe, settings, root)
    told = []
    again = run_flip_lab(
        dataset, recipe, settings, root, original=first.original.classifier, progress=lambda *said: told.append(said[2])
    )
    assert again.to_json() == first.to_json()
    assert not any(line.startswith("original model") for line in told)
    assert len(first.pairs) == 3


def test_a_dirty_backdoor_works_and_the_clean_model_does_not_know_it(dataset, settings, root):
    recipe = BackdoorRecipe(target=1, rate=0.2, trigger=Trigger(height=3, width=3))
    report = run_backdoor_lab(dataset, recipe, replace(settings, epochs=8), root)
    (row,) = report.rows
    assert row.success.success.value > 0.8
    assert row.success.without_trigger.value < 0.1
    assert report.original.success.value < 0.3
    assert report.original.success.n == 40
    told = report.to_json()
    assert told["rates"] == {"n": 18, "n_train": 90, "n_target": 48, "of_all": 0.2, "of_target": 18 / 48}
    assert told["rows"][0]["report"]["accuracy"] == told["rows"][0]["accuracy"]["value"]
    assert len(told["original"]["history"]) == 8
    assert (told["not_learned"], [one["above_chance"] for one in told["learning"]]) == (None, [True, True])
    assert told["analysis"][0].startswith("18 of 90 training images (20.0 %) carry the trigger: 37.5 % of those")
    assert not any("told from chance" in line for line in told["analysis"])


def test_a_perturbed_backdoor_stands_beside_its_control(dataset, settings, root):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=0.5, steps=2))
    quick = replace(settings, epochs=1)
    proxy = run_flip_lab(dataset, FlipRecipe(source=0, target=1), quick, root).original.classifier
    report = run_backdoor_lab(dataset, recipe, quick, root, proxy=proxy, original=proxy, strength=0.5)
    assert [row.recipe.perturbation is None for row in report.rows] == [False, True]
    assert report.rows[0].poisoned.id != report.rows[1].poisoned.id
    assert report.strength == 0.5
    assert report.side.classifier.id == proxy.id


def test_success_counts_images_of_other_classes_alone(dataset, settings, root):
    model = load_model(run_flip_lab(dataset, FlipRecipe(source=0, target=1), settings, root).original.classifier)
    told = backdoor_success(model, dataset, Trigger(), 1)
    rows = dataset.indices("test")
    others = [i for i in rows.tolist() if dataset.items[i].label != 1]
    assert told.success.n == told.without_trigger.n == len(others) == 40
    assert told.success.n_hit == (predicted(model, dataset, others, trigger=Trigger()) == 1).sum()
    assert told.accuracy.n == 60


def test_refuses_a_test_split_of_the_target_alone(tmp_path, dataset, settings, root):
    model = load_model(run_flip_lab(dataset, FlipRecipe(source=0, target=1), settings, root).original.classifier)
    alone = pictures(tmp_path / "alone", n_train=6, n_test=1)
    with pytest.raises(BadPoison, match="no test image of another class than the target; name another target"):
        backdoor_success(model, alone, Trigger(), 0)


def test_a_share_of_nothing_is_none_and_its_interval_is_everything():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval == (0.0, 1.0)
    assert str(Share(0, 0)) == "-"
    low, high = Share(95, 100).interval  # Wilson's interval of 95 of 100, as published tables have it.
    assert (round(low, 3), round(high, 3)) == (0.888, 0.978)


def test_large_images_are_learned_smaller_and_nothing_is_moved(tmp_path):
    large = quick_settings(pictures(tmp_path / "large", n_train=3, n_test=3, side=80))
    small = quick_settings(pictures(tmp_path / "small", n_train=3, n_test=3, side=28))
    assert (large.architecture, large.size) == ("SequentialCNN", 128)
    assert (small.architecture, small.size) == ("SmallCNN", 28)
    for settings in (large, small):
        assert set(vars(settings.augmentation).values()) == {0.0}


def test_who_judges_labels_learns_moved_scans_for_longer_and_small_pictures_as_they_are(tmp_path):
    large = pictures(tmp_path / "large", n_train=3, n_test=3, side=80)
    usual = quick_settings(large)
    toned = replace(usual, augmentation=replace(usual.augmentation, brightness=0.2))
    judging = judging_settings(toned, large)
    assert judging.epochs == 30 == 2.5 * usual.epochs
    assert judging.augmentation == replace(Augmentation(), brightness=0.2)
    assert replace(judging, epochs=usual.epochs, augmentation=toned.augmentation) == toned
    small = pictures(tmp_path / "small", n_train=3, n_test=3, side=28)
    assert judging_settings(quick_settings(small), small) == quick_settings(small)


def test_the_report_tells_the_recipe_that_was_asked_for(dataset, settings, root):
    # As many of 30 images of a class: the same data set, kept under the recipe that came first.
    first = run_flip_lab(dataset, FlipRecipe(source=0, target=1, ratio=0.1), replace(settings, epochs=1), root)
    asked = FlipRecipe(source=0, target=1, ratio=0.101)
    assert poison(dataset, asked, root.datasets, name="asked").id == first.poisoned.id
    told = flip_report(dataset, first.poisoned, asked, first.original, first.other).to_json()
    assert (told["recipe"], told["n_flipped"]) == (asked.to_json(), 3)
