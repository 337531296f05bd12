import numpy as np
import pytest

from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison
from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.poison import poison
from pipeline.poisoning.repair import repair
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import EventKind


def repaired(dataset, **more):
    return repair(dataset, dataset.folder.parent, name="repaired", **more)


def test_relabelling_what_was_flipped_gives_the_clean_labels_back(dataset):
    recipe = FlipRecipe(source=0, target=2, ratio=0.5)
    poisoned = poison(dataset, recipe, dataset.folder.parent, name="flipped")
    clean = repaired(poisoned, relabel=dict.fromkeys(flipped(dataset, recipe), 0))
    assert (clean.labels == dataset.labels).all()
    assert [item.split for item in clean.items] == [item.split for item in dataset.items]


def test_dropped_images_are_in_no_split_and_kept_for_the_record(dataset):
    made = repaired(dataset, drop=[3, 4])
    assert set(dataset.indices("train")) - set(made.indices("train")) == {3, 4}
    assert made.indices("dropped").tolist() == [3, 4]
    np.testing.assert_array_equal(made.levels(3), dataset.levels(3))
    assert made.source["dropped"] == [3, 4]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "no image is confirmed or named; confirm suspects of a search, or name images"),
        ({"drop": [1], "relabel": {1: 0}}, "item 1 is both dropped and relabelled"),
        ({"drop": [149]}, "bars: item 149 is no training image"),
        ({"drop": range(0, 90, 3)}, "no training image of left would be left; relabel some"),
        ({"relabel": {1: 3}}, "bars has no class 3 that item 1 could get; use 0 to 2"),
        ({"relabel": {1: 1}}, "item 1 is labelled middle already; name another class, or drop it"),
    ],
)
def test_refuses_and_leaves_nothing_behind(dataset, given, said):
    with pytest.raises(BadPoison, match=said):
        repaired(dataset, **given)
    assert [path.name for path in dataset.folder.parent.iterdir()] == [dataset.id]


def test_the_history_tells_what_was_relabelled_and_what_was_dropped(dataset):
    made = repaired(dataset, drop=[3, 4], relabel={6: 1}, by="admin")
    events = read_history(made.folder, DataRoot(made.folder.parent.parent))
    assert [(event.kind, event.what["n"]) for event in events] == [(EventKind.RELABEL, 1), (EventKind.DROP, 2)]
    assert {event.what["parents"][0]["subject"] for event in events} == {f"datasets/{dataset.id}"}
