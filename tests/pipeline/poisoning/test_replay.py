import json
import shutil
from dataclasses import replace

import pytest

from datasets.store import open_dataset
from pipeline.errors import BadPoison
from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.proxy import note_proxy
from pipeline.poisoning.replay import check_replay, proxy_to_train, replay
from pipeline.training.train import train_classifier
from tests.fixtures.before import forget
from tests.pipeline.poisoning.pictures import CLASSES


@pytest.fixture
def proxy(root):
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=16, width=16)
    return save_classifier(build_model(spec, seed=1), root.models, name="proxy")


@pytest.fixture
def perturbed(dataset, root, proxy):
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=1.0, steps=3))
    return poison(dataset, recipe, root.datasets, name="perturbed", proxy=proxy)


def test_the_same_recipe_under_the_same_proxy_is_the_same_data_set(perturbed, dataset, root, proxy):
    told = replay(perturbed, root)
    assert (told.record.parent, told.record.proxy) == (dataset.id, proxy.id)
    assert told.replayed_id == perturbed.id
    assert told.same


def test_a_record_that_tells_another_recipe_gives_another_id(dataset, root):
    made = poison(dataset, FlipRecipe(source=0, target=2), root.datasets, name="flipped")
    manifest = made.folder / "manifest.json"
    values = json.loads(manifest.read_text())
    values["source"]["recipe"]["target"] = 1
    manifest.write_text(json.dumps(values))
    told = replay(open_dataset(made.folder), root)
    assert not told.same
    assert told.replayed_id != made.id
    assert {one.what for one in told.differences} == {"label"}
    items = [f"item {i} left/{i}.png: label 1, was 2" for i in poison_record(made).items]
    assert [str(one) for one in told.differences] == items
    assert told.to_json()["differences"] == items[:20]
    assert told.to_json()["n_differences"] == len(items)
    assert sorted(path.name for path in root.datasets.iterdir()) == sorted([dataset.id, made.id])


def test_a_run_is_replayed_by_its_own_recipe(dataset, root):
    made = poison(dataset, FlipRecipe(source=0, target=2, ratio=0.2), root.datasets, name="flipped")
    own = FlipRecipe(source=0, target=2, ratio=0.2001)
    told = replay(made, root, recipe=own)
    assert (told.same, told.record.recipe, told.differences) == (True, own, ())
    assert not replay(made, root, recipe=FlipRecipe(source=0, target=2, ratio=0.5)).same


def test_what_cannot_be_replayed_is_refused_beforehand(dataset, perturbed, root, proxy):
    check_replay(perturbed, root)
    with pytest.raises(BadPoison, match="was not poisoned here"):
        check_replay(dataset, root)
    shutil.rmtree(proxy.folder)
    with pytest.raises(BadPoison, match=f"the proxy {proxy.id}, .*is gone"):
        check_replay(perturbed, root)


def test_refuses_where_the_proxy_is_gone(perturbed, root, proxy):
    shutil.rmtree(proxy.folder)
    with pytest.raises(
        BadPoison, match=f"the proxy {proxy.id}, which perturbed was perturbed under, is gone; bring it"
    ):
        replay(perturbed, root)


def test_work_that_ends_early_leaves_nothing(perturbed, root):
    def stop(done, total, what):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(perturbed, root, progress=stop)
    assert not list(root.work.iterdir())


@pytest.fixture
def learned(dataset, root, settings):
    """Flipped data, and a classifier that learned from them for an epoch."""
    made = poison(dataset, FlipRecipe(source=0, target=2), root.datasets, name="flipped")
    how = replace(settings, epochs=1)
    return made, train_classifier(made, how, root.models, work=root.work, name="poisoned model")


def test_other_weights_are_told_by_the_test_images_that_are_called_otherwise(learned, dataset, root):
    made, classifier = learned
    file = classifier.folder / "classifier.json"
    values = json.loads(file.read_text())
    values["notes"]["settings"] |= {"seed": 7, "learning_rate": 1e-6}
    file.write_text(json.dumps(values))
    forget(classifier.folder)  # A note that somebody changed where no history is left.
    (one,) = replay(made, root, classifiers=[classifier.folder]).retrained
    assert not one.same
    assert one.replayed_id != classifier.id
    assert one.n == len(dataset.indices("test"))
    assert abs(one.n_right - one.n_right_again) <= one.n_otherwise <= one.n
    told = one.to_json()
    assert (told["accuracy"], told["accuracy_again"]) == (one.n_right / one.n, one.n_right_again / one.n)
    assert sorted(path.name for path in root.models.iterdir()) == [classifier.id]
    assert not list(root.work.iterdir())


def test_a_classifier_of_other_data_is_not_trained_again(learned, dataset, root):
    _, classifier = learned
    other = poison(dataset, FlipRecipe(source=0, target=1), root.datasets, name="other")
    for ask in (check_replay, lambda *given: replay(*given[:2], classifiers=given[2])):
        with pytest.raises(BadPoison, match=rf"learned from .*, neither from {other.id} nor from {dataset.id}"):
            ask(other, root, [classifier.folder])


def test_a_proxy_that_is_gone_is_trained_again_where_a_note_says_how(dataset, root, settings):
    how = replace(settings, epochs=1)
    proxy = train_classifier(dataset, how, root.models, work=root.work, name="proxy")
    recipe = BackdoorRecipe(target=1, rate=0.1, labels=CLEAN, perturbation=Perturbation(eps=1.0, steps=2))
    made = poison(dataset, recipe, root.datasets, name="perturbed", proxy=proxy)
    shutil.rmtree(proxy.folder)
    for settings_of, found in (("another", None), (dataset.id, how)):
        note_proxy(root, proxy.id, settings_of, how)
        if found is None:
            with pytest.raises(BadPoison, match=f"the proxy {proxy.id}, .*is gone"):
                check_replay(made, root)
    assert proxy_to_train(made, root) == how
    told = replay(made, root)
    assert (told.same, told.proxy_replayed_id) == (True, proxy.id)
    assert not list(root.models.iterdir())
