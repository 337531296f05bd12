import json

import numpy as np
import pytest

from pipeline.errors import BrokenHistory, UnknownArtefact
from pipeline.poisoning.backdoor import BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.poison import known_poison, poison, poison_record
from pipeline.poisoning.repair import repair
from pipeline.poisoning.truth import known_items, poisoned_items, truth_of
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import recorded


def repaired(dataset, **more):
    return repair(dataset, dataset.folder.parent, name="repaired", **more)


@pytest.fixture
def flipped(dataset, root):
    return poison(dataset, FlipRecipe(source=0, target=2, ratio=0.5), root.datasets, name="flipped")


def test_every_image_is_counted_once_by_what_became_of_it(dataset, flipped, root):
    bad = poison_record(flipped).items.tolist()
    honest = [i for i in flipped.indices("train").tolist() if i not in bad]
    wrong = next(i for i in honest if flipped.items[i].label != 1)
    fixed = repaired(flipped, drop=[*bad[:3], honest[0]], relabel={bad[3]: 0, bad[4]: 1, wrong: 1})
    told = truth_of(flipped, fixed, root)
    assert (told.n_poisoned, told.n_dropped, told.n_restored, told.n_mislabelled) == (15, 3, 1, 1)
    assert told.n_dropped + told.n_restored + told.n_mislabelled + told.n_left == told.n_poisoned
    assert (told.n_honest, told.n_honest_dropped, told.n_honest_relabelled) == (75, 1, 1)
    assert "Of the 15 images that the lab had poisoned, 3 were dropped, 1 got their clean label back" in told.words


def test_what_was_restored_is_poisoned_no_more(flipped, root):
    bad = poison_record(flipped).items.tolist()
    fixed = repaired(flipped, relabel={bad[0]: 0}, drop=bad[1:3])
    assert poisoned_items(fixed, root).tolist() == bad[3:]
    again = repaired(fixed, drop=bad[3:])
    assert len(poisoned_items(again, root)) == 0
    assert truth_of(fixed, again, root).n_dropped == len(bad) - 3


def test_a_trigger_stays_on_a_picture_whose_label_is_restored(dataset, root):
    stamped = poison(dataset, BackdoorRecipe(target=1, rate=0.2), root.datasets, name="stamped")
    first = int(poison_record(stamped).items[0])
    fixed = repaired(stamped, relabel={first: dataset.items[first].label})
    assert truth_of(stamped, fixed, root).n_restored == 1
    np.testing.assert_array_equal(poisoned_items(fixed, root), poison_record(stamped).items)
    assert known_poison(fixed, root).recipe == known_poison(stamped, root).recipe


def test_nothing_is_known_of_data_that_the_lab_did_not_poison(dataset, root):
    fixed = repaired(dataset, drop=[0])
    assert known_poison(fixed, root) is None
    assert poisoned_items(fixed, root) is None
    assert truth_of(dataset, fixed, root) is None


def test_a_clean_data_set_that_is_gone_is_told(dataset, flipped, root):
    bad = poison_record(flipped).items.tolist()
    fixed = repaired(flipped, relabel={bad[0]: 0})
    assert known_items(fixed, root).tolist() == bad[1:]
    dataset.folder.rename(root.path / "elsewhere")
    with pytest.raises(UnknownArtefact, match=f"no '{dataset.id}' in datasets"):
        poisoned_items(flipped, root)
    assert known_items(flipped, root).tolist() == bad
    assert known_items(fixed, root) is None  # Nobody can tell any more which labels were restored rightly.


def mislabelled(dataset, items, label):
    """Give items another label in the manifest alone, as one without a key can."""
    path = dataset.folder / "manifest.json"
    told = json.loads(path.read_text())
    for item in items:
        told["items"][item]["label"] = label
    path.write_text(json.dumps(told))


def test_clean_data_that_were_changed_say_nothing_of_the_poisoned(dataset, root):
    recorded(dataset.folder, root, EventKind.IMPORT, by="ann")
    flipped = poison(dataset, FlipRecipe(source=0, target=2, ratio=0.5), root.datasets, name="flipped")
    bad = poison_record(flipped).items.tolist()
    fixed = repaired(flipped, drop=bad[:2])
    mislabelled(dataset, bad[3:8], 2)  # The labels that the flips gave: five images would be poisoned no more.
    for told in (lambda: poisoned_items(flipped, root), lambda: truth_of(flipped, fixed, root)):
        with pytest.raises(BrokenHistory, match=f"datasets/{dataset.id} is not what its history says: .*label 2, was"):
            told()


def test_repaired_data_are_not_followed_to_data_that_were_changed(flipped, root):
    fixed = repaired(flipped, drop=[0])
    mislabelled(flipped, [1], 1)
    with pytest.raises(BrokenHistory, match=f"datasets/{flipped.id} is not what its history says"):
        known_poison(fixed, root)
