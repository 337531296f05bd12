import subprocess
import sys

import numpy as np
import pytest

from datasets.errors import BadDataset
from datasets.store import open_dataset
from pipeline.artefacts import DataRoot
from pipeline.errors import BadPoison, BrokenHistory
from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe, poisoned_rows
from pipeline.poisoning.flips import FlipRecipe, flipped
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.poison import check_poison, poison, poison_record, recipes_of, told_apart
from pipeline.poisoning.repair import repair
from pipeline.poisoning.triggers import Trigger
from pipeline.provenance.chain import read_history
from pipeline.provenance.event import EventKind
from pipeline.provenance.record import recorded
from pipeline.provenance.verification import verify
from tests.pipeline.poisoning.pictures import CLASSES

FLIP = FlipRecipe(source=0, target=2)


def made(dataset, recipe, **more):
    return poison(dataset, recipe, dataset.folder.parent, name="poisoned", **more)


@pytest.fixture
def proxy(tmp_path):
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=16, width=16)
    return save_classifier(build_model(spec, seed=1), tmp_path / "models", name="proxy")


def test_flips_change_labels_alone(dataset):
    poisoned, expected = made(dataset, FLIP), flipped(dataset, FLIP)
    changed = np.flatnonzero(poisoned.labels != dataset.labels)
    assert changed.tolist() == list(expected)
    assert (poisoned.labels[changed] == 2).all()
    np.testing.assert_array_equal(poisoned.batch(range(150)), dataset.batch(range(150)))


def test_a_dirty_backdoor_stamps_and_relabels(dataset):
    recipe = BackdoorRecipe(target=1, rate=0.1)
    poisoned, rows = made(dataset, recipe), poisoned_rows(dataset, recipe)
    for i in range(150):
        stamped = recipe.trigger.stamped(dataset.levels(i), 8) if i in rows else dataset.levels(i)
        np.testing.assert_array_equal(poisoned.levels(i), stamped)
    assert (poisoned.labels[rows] == 1).all()
    assert np.flatnonzero(poisoned.labels != dataset.labels).tolist() == rows.tolist()


def test_a_clean_label_backdoor_keeps_every_label(dataset, proxy):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=1.0, steps=3))
    poisoned, rows = made(dataset, recipe, proxy=proxy), poisoned_rows(dataset, recipe)
    assert (poisoned.labels == dataset.labels).all()
    for i in rows:
        assert (poisoned.levels(i)[-2:, -2:] == 255).all()
    assert all((poisoned.levels(i) == dataset.levels(i)).all() for i in range(150) if i not in rows)


def test_the_record_tells_recipe_parent_proxy_and_items(dataset, proxy):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=1.0, steps=3))
    record = poison_record(open_dataset(made(dataset, recipe, proxy=proxy).folder))
    assert record is not None
    assert (record.recipe, record.parent, record.proxy) == (recipe, dataset.id, proxy.id)
    assert record.items.tolist() == poisoned_rows(dataset, recipe).tolist()
    assert poison_record(dataset) is None


def test_is_replayed_from_its_record(dataset, proxy):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=1.0, steps=3))
    first = made(dataset, recipe, proxy=proxy)
    record = poison_record(first)
    again = made(dataset, record.recipe, proxy=proxy)
    assert (again.id, again.levels_sha256) == (first.id, first.levels_sha256)


def test_refuses_to_poison_twice(dataset):
    with pytest.raises(BadPoison, match="is poisoned already, by flips; choose the data set that it was made from"):
        made(made(dataset, FLIP), FLIP)


def test_refuses_a_missing_proxy_one_too_many_and_one_of_other_classes(dataset, proxy, tmp_path):
    recipe = BackdoorRecipe(labels=CLEAN, perturbation=Perturbation())
    with pytest.raises(BadPoison, match="with perturbation needs a proxy: name a classifier, best a hardened one"):
        made(dataset, recipe)
    with pytest.raises(BadPoison, match="without perturbation takes no proxy"):
        made(dataset, FLIP, proxy=proxy)
    spec = default_spec("SmallCNN", classes=("cat", "dog"), channels=1, height=16, width=16)
    other = save_classifier(build_model(spec), tmp_path / "models", name="pets")
    with pytest.raises(BadPoison, match="the proxy pets tells apart cat, dog; bars has left, middle, right"):
        made(dataset, recipe, proxy=other)


def test_a_refusal_leaves_nothing_behind(dataset):
    with pytest.raises(BadPoison, match="lies off an image of 16x16"):
        made(dataset, BackdoorRecipe(trigger=Trigger(place="16,0")))
    assert [path.name for path in dataset.folder.parent.iterdir()] == [dataset.id]


def test_refuses_scans_without_labels(tmp_path, dataset):
    from dataclasses import replace

    with pytest.raises(BadDataset, match="its scans have no labels"):
        made(replace(dataset, classes=("unlabelled",)), FLIP)


def test_the_history_tells_what_was_done_to_whom(dataset):
    poisoned = made(dataset, FLIP, by="admin")
    (event,) = read_history(poisoned.folder, DataRoot(poisoned.folder.parent.parent))
    assert (event.kind, event.by) == (EventKind.FLIP, "admin")
    assert event.what["recipe"] == FLIP.to_json()
    assert event.what["parents"][0]["subject"] == f"datasets/{dataset.id}"
    stamped = made(dataset, BackdoorRecipe(rate=0.1))
    (event,) = read_history(stamped.folder, DataRoot(stamped.folder.parent.parent))
    assert event.kind is EventKind.INJECTION


def test_the_same_poisoning_under_another_name_is_the_same_data_set_with_one_history(dataset):
    first = made(dataset, FLIP)
    again = poison(dataset, FLIP, dataset.folder.parent, name="another name")
    assert (again.id, again.name) == (first.id, "poisoned")
    assert len(read_history(again.folder, DataRoot(again.folder.parent.parent))) == 1


def test_refuses_a_data_set_that_is_not_what_its_history_says(dataset):
    root = DataRoot(dataset.folder.parent.parent)
    recorded(dataset.folder, root, EventKind.IMPORT, by="admin")
    manifest = dataset.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"label": 0', '"label": 1', 1))
    with pytest.raises(BrokenHistory, match="is not what its history says"):
        made(dataset, FLIP)


def test_flips_of_no_label_make_no_data_set(dataset):
    with pytest.raises(BadPoison, match="are none; give a higher ratio"):
        made(dataset, FlipRecipe(source=0, target=2, ratio=0))
    assert [path.name for path in dataset.folder.parent.iterdir()] == [dataset.id]


def test_recipes_that_flip_the_same_labels_share_a_data_set_of_the_first(dataset):
    first, other = FlipRecipe(source=0, target=2, ratio=0.2), FlipRecipe(source=0, target=2, ratio=0.2001)
    again = (made(dataset, first).id, made(dataset, other))
    assert again[0] == again[1].id
    assert poison_record(again[1]).recipe == first
    root = DataRoot(dataset.folder.parent.parent)
    assert recipes_of(again[1], root) == [first, other]
    assert [made(dataset, one).id for one in (other, first)] == [again[0], again[0]]
    events = read_history(again[1].folder, root)
    assert [("again" in event.what, event.what["recipe"]["ratio"]) for event in events] == [
        (False, 0.2),
        (True, 0.2001),
    ]
    assert verify(again[1].folder, root).ok


def test_what_another_recipe_has_otherwise_is_told():
    own = BackdoorRecipe(rate=0.05)
    assert told_apart(own, own) == ""
    assert (
        told_apart(own, BackdoorRecipe(rate=0.0501, trigger=Trigger(height=3)))
        == "trigger height 3, not 2, rate 0.0501, not 0.05"
    )
    perturbed = BackdoorRecipe(labels="clean", perturbation=Perturbation())
    assert "perturbation method interpolated, not none" in told_apart(BackdoorRecipe(labels="clean"), perturbed)


@pytest.mark.parametrize(
    ("recipe", "proxy", "said"),
    [
        (FlipRecipe(source=0, target=7), None, "no class 7"),
        (FlipRecipe(source=0, target=1, ratio=0), None, r"0\.0 % of the training images of each class .* are none"),
        (FlipRecipe(kind="uniform", ratio=0.01), None, "1.0 % of the training .* are none; give a higher ratio"),
        (BackdoorRecipe(trigger=Trigger(place="15,15")), None, "lies off an image of 16x16"),
        (BackdoorRecipe(rate=0.001), None, "of 90 training images are none"),
        (BackdoorRecipe(labels="clean", perturbation=Perturbation()), None, "needs a proxy"),
        (BackdoorRecipe(labels="clean", perturbation=Perturbation()), ("other", ("a", "b")), "tells apart a, b"),
        (BackdoorRecipe(), ("other", ("a", "b")), "takes no proxy"),
    ],
)
def test_what_cannot_be_is_refused_beforehand(dataset, recipe, proxy, said):
    with pytest.raises(BadPoison, match=said):
        check_poison(dataset, recipe, proxy=proxy)


def test_what_can_be_is_not_refused_beforehand(dataset):
    check_poison(dataset, FlipRecipe(source=0, target=1))
    check_poison(dataset, BackdoorRecipe())
    check_poison(dataset, BackdoorRecipe(labels="clean", perturbation=Perturbation()), proxy=("p", dataset.classes))


def test_what_is_poisoned_is_refused_beforehand(dataset, tmp_path):
    made = poison(dataset, FlipRecipe(source=0, target=1), tmp_path / "datasets", name="flipped")
    with pytest.raises(BadPoison, match="poisoned already, by flips"):
        check_poison(made, BackdoorRecipe())


def test_data_of_the_lab_that_were_repaired_are_poisoned_already(dataset, root):
    stamped = made(dataset, BackdoorRecipe(rate=0.1))
    fixed = repair(repair(stamped, root.datasets, name="once", drop=[0]), root.datasets, name="fixed", drop=[1])
    for refused in (check_poison, made):
        with pytest.raises(BadPoison, match="fixed is poisoned already, by backdoor and repaired since; choose the"):
            refused(fixed, FLIP)
    stamped.folder.rename(root.path / "elsewhere")
    with pytest.raises(BadPoison, match="nobody knows whether it is poisoned already; choose a clean data set"):
        check_poison(fixed, FLIP)


def test_own_data_that_were_repaired_can_be_poisoned(dataset, root):
    check_poison(repair(dataset, root.datasets, name="fixed", drop=[0]), FLIP)


def test_recipes_are_checked_without_torch():
    code = "import sys, pipeline.poisoning.poison, pipeline.poisoning.answers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
