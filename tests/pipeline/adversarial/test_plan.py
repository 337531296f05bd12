import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from datasets.store import Dataset
from pipeline.adversarial.plan import MAX_BATCH, Plan, plan
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.errors import BadRecipe
from tests.pipeline.adversarial.artefacts import small_dataset

ATTACKS = (AttackSpec("fgsm", [1 / 255, 2 / 255, 4 / 255]), AttackSpec("pgd", [1 / 255, 2 / 255]), AttackSpec("cw"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("data"), n=100)


def made(dataset: Dataset, *, shard_s: float = 30.0, **changes: object) -> Plan:
    values = {"attacks": ATTACKS, "splits": ("detector", "test"), "per_cell": 7}
    return plan(Recipe(**{**values, **changes}), dataset, shard_s=shard_s)


def test_the_same_recipe_gives_the_same_plan(dataset: Dataset) -> None:
    assert made(dataset) == made(dataset)
    assert made(dataset).batches != made(dataset, seed=1).batches


@pytest.mark.parametrize("per_cell", [7, 13, 19])
def test_every_cell_has_its_share_of_each_split_and_no_image_twice(dataset: Dataset, per_cell: int) -> None:
    whole = made(dataset, per_cell=per_cell)
    for cell in range(len(whole.cells)):
        for split in ("detector", "test"):
            parents = [i for b in whole.batches if (b.cell, b.split) == (cell, split) for i in b.parents]
            assert len(parents) == len(set(parents)) == per_cell
            assert {dataset.items[i].split for i in parents} == {split}
    assert len(whole) == len(list(whole.items())) == per_cell * 6 * 2


def test_images_are_used_about_equally_often(dataset: Dataset) -> None:
    for per_cell in (3, 7, 13, 19):
        uses = Counter(item.parent for item in made(dataset, per_cell=per_cell, splits=("test",)).items())
        counts = [uses[i] for i in dataset.indices("test").tolist()]
        assert max(counts) - min(counts) <= 1


def test_no_share_takes_all_and_so_does_a_share_that_is_too_large(dataset: Dataset) -> None:
    for share in (None, 1000):
        assert len(made(dataset, per_cell=share)) == 40 * 6


def test_shares_may_differ_by_split(dataset: Dataset) -> None:
    assert len(made(dataset, per_cell={"detector": 3, "test": None})) == (3 + 20) * 6


def test_classes_keep_their_shares(dataset: Dataset) -> None:
    test = dataset.indices("test")
    share = dataset.labels[test].mean()
    for seed in range(5):
        batches = made(dataset, per_cell=10, seed=seed).batches
        first = [i for b in batches if (b.cell, b.split) == (0, "test") for i in b.parents]
        assert abs(dataset.labels[first].sum() - 10 * share) <= 1


def test_a_batch_has_one_shape_and_one_attack(dataset: Dataset) -> None:
    for batch in made(dataset, per_cell=None).batches:
        assert len({dataset.items[i].shape for i in batch.parents}) == 1
        assert 1 <= len(batch.parents) <= MAX_BATCH


@pytest.mark.parametrize("shard_s", [0.0001, 0.01, 0.1, 30.0])
def test_any_cut_has_every_batch_once(dataset: Dataset, shard_s: float) -> None:
    whole, cut = made(dataset), made(dataset, shard_s=shard_s)
    assert cut.batches == whole.batches
    assert [batch for k in range(len(cut.shards)) for batch in cut.shard(k)] == list(whole.batches)
    assert all(len(cut.shard(k)) for k in range(len(cut.shards)))


def test_a_slower_classifier_gets_more_shards(dataset: Dataset) -> None:
    recipe = Recipe(attacks=(AttackSpec("cw", None, {"steps": 5000}),), splits=("test",))
    assert len(plan(recipe, dataset, architecture="resnet18").shards) > len(plan(recipe, dataset).shards)


def test_refuses_an_empty_split_and_a_missing_shard(tmp_path: Path, dataset: Dataset) -> None:
    with pytest.raises(BadRecipe, match="split val of small has no images"):
        made(small_dataset(tmp_path, n=1), splits=("val",))
    with pytest.raises(BadRecipe, match="no shard 99; the plan has 1"):
        made(dataset).shard(99)


def test_loads_without_torch() -> None:
    modules = "plan, pipeline.adversarial.files, pipeline.adversarial.assemble"
    code = f"import sys, pipeline.adversarial.{modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
