import numpy as np
import pytest

from datasets.errors import UnknownItem
from pipeline.poisoning.answers import Answers
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.examples import example_tested, examples_trained, mixed, poisoned_items, row_of_item
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import poison, poison_record


@pytest.fixture
def told(dataset):
    """One model that calls every test image left, another that is right."""
    rows = dataset.indices("test")
    classes = {"left": np.zeros_like(rows), "right": dataset.labels[rows]}
    return Answers(rows, classes, {name: np.full(len(rows), 0.75) for name in classes})


def test_a_test_image_has_the_answer_of_every_model_and_whether_it_is_right(dataset, told):
    index = int(told.items[1])
    one = example_tested(dataset, told, row_of_item(told, index))
    assert (one.index, one.name, one.true) == (index, dataset.items[index].name, "middle")
    assert [(said.model, said.class_name, said.right) for said in one.said] == [
        ("left", "left", False),
        ("right", "middle", True),
    ]
    assert one.to_json()["with_trigger"] is None
    assert len(example_tested(dataset, told, 1, triggered=told).to_json()["with_trigger"]) == 2


def test_an_item_that_is_no_test_image_is_refused(dataset, told):
    with pytest.raises(UnknownItem, match=r"Item 0 is no test image; there are 60, from 90 to 149\."):
        row_of_item(told, 0)


def test_flipped_images_have_both_labels_and_are_not_stamped(dataset, tmp_path):
    made = poison(dataset, FlipRecipe(source=0, target=2, ratio=0.2), tmp_path / "datasets", name="flipped")
    items = poisoned_items(made)
    assert sorted(items) == sorted(poison_record(made).items)
    for one in examples_trained(dataset, made, items):
        assert (one.before, one.after, one.poisoned, one.stamped, one.times) == ("left", "right", True, False, 1)
    (other,) = examples_trained(dataset, made, np.setdiff1d(dataset.indices("train"), items)[:1])
    assert (other.before == other.after, other.poisoned) == (True, False)


def test_stamped_images_say_so_whether_or_not_their_label_changed(dataset, tmp_path):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels="clean")
    made = poison(dataset, recipe, tmp_path / "datasets", name="stamped")
    (one, *_) = examples_trained(dataset, made, poisoned_items(made))
    assert (one.before, one.after, one.stamped) == ("middle", "middle", True)
    assert one.to_json()["flipped"] is False
    assert one.times >= 1


def test_data_that_nobody_poisoned_have_no_poisoned_items(dataset):
    assert len(poisoned_items(dataset)) == 0


def test_a_seed_draws_the_same_order_again():
    rows = np.arange(40)
    np.testing.assert_array_equal(mixed(rows, 3), mixed(rows, 3))
    assert mixed(rows, 3).tolist() != mixed(rows, 4).tolist()
    assert sorted(mixed(rows, 3)) == rows.tolist()
