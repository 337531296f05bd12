import json
import shutil

import pytest

from datasets.store import open_dataset
from pipeline.errors import BadPoison
from pipeline.models.files import save_classifier
from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.backdoor import CLEAN, BackdoorRecipe
from pipeline.poisoning.flips import FlipRecipe
from pipeline.poisoning.perturbation import Perturbation
from pipeline.poisoning.poison import poison, poison_record
from pipeline.poisoning.replay import check_replay, replay
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
