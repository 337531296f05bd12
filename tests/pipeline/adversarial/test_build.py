import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.adversarial_store import read_rows
from datasets.atomic import sha256_file
from datasets.errors import DamagedStore
from datasets.store import Dataset
from pipeline.adversarial.assemble import assemble
from pipeline.adversarial.build import build_adversarial, build_shard
from pipeline.adversarial.files import AdversarialSet, open_adversarial
from pipeline.adversarial.plan import plan
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.errors import BadRecipe, MissingShard
from pipeline.models.files import Classifier
from tests.pipeline.adversarial.artefacts import small_dataset

RECIPE = Recipe(
    attacks=(
        AttackSpec("fgsm", [0.4 / 255, 64 / 255]),
        AttackSpec("pgd", 64 / 255, {"steps": 3}),
        AttackSpec("cw", None, {"search_steps": 2, "steps": 20, "c_first": 100.0, "lr": 0.05}),
    ),
    per_cell={"detector": None, "test": 5},
    seed=1,
)


class Killed(BaseException):
    """What a dying process looks like from within: nothing catches it."""


@pytest.fixture(scope="module")
def whole(dataset: Dataset, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> AdversarialSet:
    folder = tmp_path_factory.mktemp("whole")
    return build_adversarial(dataset, classifier, RECIPE, folder / "sets", work=folder / "work", name="first")


def test_has_a_row_for_every_planned_item(whole: AdversarialSet, dataset: Dataset) -> None:
    rows = whole.rows()
    planned = sorted((item.parent, item.attack, np.float32(item.eps)) for item in plan(RECIPE, dataset).items())
    assert list(zip(rows.parent.tolist(), rows.attack.tolist(), rows.eps, strict=True)) == planned
    np.testing.assert_array_equal(rows.label, dataset.labels[rows.parent])
    assert whole.n == len(rows)
    assert (whole.dataset_id, whole.name) == (dataset.id, "first")


def test_rows_say_what_became_of_each_image(whole: AdversarialSet, dataset: Dataset) -> None:
    rows = whole.rows()
    assert {"success", "unchanged", "clean_wrong"} <= set(rows.status.tolist())
    for row in range(len(rows)):
        same = np.array_equal(rows.levels(row), dataset.levels(rows.parent[row]))
        status = rows.status[row]
        assert same == (status in ("clean_wrong", "unchanged"))
        assert (status == "clean_wrong") == (rows.pred_before[row] != rows.label[row])
        assert (
            rows.success[row]
            == (status == "success")
            == (status != "clean_wrong" and rows.pred_after[row] != rows.label[row])
        )
        assert (rows.reason[row] == "") == (status == "success")
    linf = rows.attack != "cw"
    assert (rows.linf[linf] <= rows.eps[linf] * (1 + 1e-6)).all()


def test_the_manifest_counts_every_cell_and_names_its_parents(whole: AdversarialSet, classifier: Classifier) -> None:
    manifest = json.loads((whole.folder / "manifest.json").read_text())
    assert manifest["classifier_id"] == classifier.id
    assert Recipe.from_json(manifest["recipe"]) == RECIPE
    assert manifest["versions"]["torch"]
    assert manifest["attacks"][2]["params"]["stop_on_success"] is False
    assert sum(entry["n"] for entry in whole.counts) == whole.n
    for entry in whole.counts:
        parts = [entry[status] for status in ("success", "failed", "unchanged", "clean_wrong")]
        assert sum(parts) == entry["n"]
        assert entry["attacked"] == entry["n"] - entry["clean_wrong"]
    quiet = next(e for e in whole.counts if e["attack"] == "fgsm" and e["split"] == "test")
    assert quiet["unchanged"] == quiet["attacked"]


@pytest.mark.parametrize("shard_s", [1e-6, 0.02])
def test_the_cut_into_shards_changes_no_byte(
    shard_s: float, whole: AdversarialSet, dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    again = build_adversarial(dataset, classifier, RECIPE, tmp_path / "sets", work=tmp_path / "work", shard_s=shard_s)
    assert again.rows_sha256 == whole.rows_sha256
    assert again.id == whole.id


def test_goes_on_behind_finished_shards_to_the_same_bytes(
    whole: AdversarialSet, dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    places = {"root": tmp_path / "sets", "work": tmp_path / "work"}

    def die(done: int, total: int, message: str) -> None:
        if done > total / 2:
            raise Killed

    with pytest.raises(Killed):
        build_adversarial(dataset, classifier, RECIPE, shard_s=1e-6, progress=die, **places)
    finished = {path: path.stat().st_mtime_ns for path in places["work"].rglob("*.h5")}
    assert finished
    assert not list(places["root"].rglob("*")) if places["root"].exists() else True
    told: list[int] = []
    kept: dict[Path, int] = {}

    def watch(done: int, total: int, message: str) -> None:
        told.append(done)
        kept.update({path: path.stat().st_mtime_ns for path in finished if path.exists()})

    again = build_adversarial(dataset, classifier, RECIPE, shard_s=1e-6, progress=watch, **places)
    assert kept == finished
    assert again.rows_sha256 == whole.rows_sha256
    assert told == sorted(told)
    assert told[-1] == len(again.rows())
    assert not list(places["work"].rglob("*.h5"))


def test_a_broken_part_is_built_again(
    whole: AdversarialSet, dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    def die(done: int, total: int, message: str) -> None:
        if done > total / 2:
            raise Killed

    places = {"root": tmp_path / "sets", "work": tmp_path / "work"}
    with pytest.raises(Killed):
        build_adversarial(dataset, classifier, RECIPE, shard_s=1e-6, progress=die, **places)
    part = sorted(places["work"].rglob("*.h5"))[0]
    part.write_bytes(part.read_bytes()[:100])
    again = build_adversarial(dataset, classifier, RECIPE, shard_s=1e-6, **places)
    assert again.rows_sha256 == whole.rows_sha256


def test_gives_back_what_is_there(whole: AdversarialSet, dataset: Dataset, classifier: Classifier) -> None:
    work = whole.folder.parent / "unused"
    assert build_adversarial(dataset, classifier, RECIPE, whole.folder.parent, work=work) == whole
    assert not work.exists()


def test_shards_alone_make_the_same_set(
    whole: AdversarialSet, dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    made = plan(RECIPE, dataset, shard_s=0.05)
    parts = [tmp_path / f"{k}.a1" for k in range(len(made.shards))]
    told: list[tuple[int, int]] = []
    for k in reversed(range(len(parts))):
        build_shard(made, k, dataset, classifier, parts[k], lambda done, n, _: told.append((done, n)))
    built = assemble(made, parts, tmp_path / "sets", classifier_id=classifier.id)
    assert sha256_file(built.folder / "rows.h5") == whole.rows_sha256
    assert all(done <= n for done, n in told)
    assert len(read_rows(parts[0])) == sum(len(batch.parents) for batch in made.shard(0))
    with pytest.raises(MissingShard, match="shard 0"):
        assemble(made, [tmp_path / "nothing", *parts[1:]], tmp_path / "sets", classifier_id=classifier.id)
    with pytest.raises(MissingShard, match=f"0 parts for {len(parts)} shards"):
        assemble(made, [], tmp_path / "sets", classifier_id=classifier.id)


def test_a_targeted_set_aims_at_the_least_likely_class(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    recipe = Recipe(attacks=(AttackSpec("fgsm", 8 / 255),), splits=("test",), targeted=True)
    rows = build_adversarial(dataset, classifier, recipe, tmp_path / "sets", work=tmp_path / "work").rows()
    attacked = rows.status != "clean_wrong"
    np.testing.assert_array_equal(rows.target[attacked], 1 - rows.label[attacked])
    np.testing.assert_array_equal(rows.success[attacked], rows.pred_after[attacked] == rows.target[attacked])


def test_an_image_starts_at_random_by_its_own_and_the_recipes_seed(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    starts = (AttackSpec("pgd", 64 / 255, {"alpha": 0.0}),)  # Nothing but the random start.

    def levels(folder: str, **changes: object) -> dict[int, bytes]:
        recipe = Recipe(**{"attacks": starts, "splits": ("test",), "seed": 1, **changes})
        rows = build_adversarial(dataset, classifier, recipe, tmp_path / folder, work=tmp_path / "work").rows()
        attacked = np.flatnonzero(rows.status != "clean_wrong").tolist()
        return {int(rows.parent[row]): rows.levels(row).tobytes() for row in attacked}

    first = levels("first")
    fewer = levels("fewer", per_cell=3, splits=("test", "val"))
    assert all(first[parent] == fewer[parent] for parent in first.keys() & fewer.keys())
    assert first.keys() & fewer.keys()
    other = levels("other", seed=2)
    assert all(first[parent] != other[parent] for parent in first)


def test_refuses_another_data_set_and_other_classes(dataset: Dataset, classifier: Classifier, tmp_path: Path) -> None:
    other = small_dataset(tmp_path / "other", classes=("right", "left"))
    with pytest.raises(BadRecipe, match="the plan is of data set"):
        build_shard(plan(RECIPE, dataset), 0, other, classifier, tmp_path / "part")
    with pytest.raises(BadRecipe, match="classes left, right of the classifier, right, left of the data set"):
        build_adversarial(other, classifier, RECIPE, tmp_path / "sets", work=tmp_path / "work")


def test_another_recipe_or_classifier_is_another_set(dataset: Dataset, whole: AdversarialSet) -> None:
    ids = {
        whole.id,
        plan(replace(RECIPE, seed=2), dataset).set_id(whole.classifier_id),
        plan(RECIPE, dataset).set_id("another"),
    }
    assert len(ids) == 3


@pytest.mark.parametrize("file", ["rows.h5", "manifest.json"])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_refuses_a_damaged_set(file: str, harm: str, dataset: Dataset, classifier: Classifier, tmp_path: Path) -> None:
    recipe = Recipe(attacks=(AttackSpec("fgsm", 8 / 255),), splits=("test",))
    built = build_adversarial(dataset, classifier, recipe, tmp_path / "sets", work=tmp_path / "work")
    path = built.folder / file
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()
    with pytest.raises(DamagedStore, match="again"):
        open_adversarial(built.folder)
