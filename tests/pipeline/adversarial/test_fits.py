import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets.head import head_mask
from datasets.store import Dataset
from pipeline.adversarial.assemble import assemble
from pipeline.adversarial.build import build_adversarial, build_shard
from pipeline.adversarial.files import AdversarialSet, open_adversarial
from pipeline.adversarial.plan import fit_kind, plan
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.attacks.registry import create
from pipeline.attacks.universal import as_text, from_text
from pipeline.errors import BadRecipe, MissingShard
from pipeline.models.files import Classifier
from tests.pipeline.adversarial.artefacts import small_dataset

FIT = AttackSpec("universal", 64 / 255, {"steps": 8})
RECIPE = Recipe(
    attacks=(FIT, AttackSpec("fgsm", 64 / 255), AttackSpec("fgsm", 64 / 255, region="head")), splits=("test",), seed=1
)


@pytest.fixture(scope="module")
def whole(dataset: Dataset, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> AdversarialSet:
    folder = tmp_path_factory.mktemp("whole")
    return build_adversarial(dataset, classifier, RECIPE, folder / "sets", work=folder / "work")


def test_only_images_of_the_fitted_shape_meet_the_universal_attack(whole: AdversarialSet, dataset: Dataset) -> None:
    rows = whole.rows()
    shape = fit_kind(dataset)[:3]
    alike = {int(i) for i in dataset.indices("test") if dataset.items[i].shape == shape}
    assert {int(parent) for parent in rows.parent[rows.attack == "universal"]} == alike
    assert alike < set(rows.parent[rows.attack == "fgsm"].tolist())


def test_the_manifest_says_what_was_fitted(whole: AdversarialSet, dataset: Dataset) -> None:
    (fit,) = json.loads((whole.folder / "manifest.json").read_text())["fitted"]
    assert open_adversarial(whole.folder).fitted == [fit]
    assert (fit["cell"], fit["split"], fit["shape"], fit["bits"]) == (0, "train", [16, 16, 1], 8)
    assert (fit["precision"], fit["device"]) == ("fp32", "cpu")
    assert 0 < fit["n_images"] <= len(dataset.indices("train"))
    assert 0 <= fit["n_fooled"] <= fit["n_images"]
    delta, _ = from_text(create(fit["attack"], fit["params"]).params()["delta"])
    rows = whole.rows()
    for row in np.flatnonzero((rows.attack == "universal") & (rows.status != "clean_wrong")).tolist():
        expected = (dataset.levels(rows.parent[row]).astype(int) + delta).clip(0, 255)
        np.testing.assert_array_equal(rows.levels(row), expected)


def test_shards_and_resumes_use_one_fit(
    whole: AdversarialSet, dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    made = plan(RECIPE, dataset, shard_s=1e-6)
    parts = [tmp_path / f"{k}.h5" for k in range(len(made.shards))]
    told: list[str] = []
    for k, path in enumerate(parts):
        build_shard(made, k, dataset, classifier, path, lambda _, __, what: told.append(what), work=tmp_path)
    assert sum("fitting the universal perturbation, step 8 of 8" in what for what in told) == 1
    (kept,) = tmp_path.glob("universal-*.json")
    again = assemble(made, parts, tmp_path / "sets", classifier_id=classifier.id, work=tmp_path)
    assert again.rows_sha256 == whole.rows_sha256
    assert again.fitted == whole.fitted
    kept.write_text(kept.read_text()[:-40])
    with pytest.raises(MissingShard, match="the perturbation of cell 0 is not in the work folder"):
        assemble(made, parts, tmp_path / "other", classifier_id=classifier.id, work=tmp_path)
    build_shard(made, 0, dataset, classifier, parts[0], work=tmp_path)
    assert assemble(made, parts, tmp_path / "other", classifier_id=classifier.id, work=tmp_path).fitted == whole.fitted


def test_needs_a_place_for_the_fit_and_images_for_it(dataset: Dataset, classifier: Classifier, tmp_path: Path) -> None:
    made = plan(RECIPE, dataset, shard_s=1e-6)
    with pytest.raises(BadRecipe, match="give the work folder that all its shards share"):
        build_shard(made, 0, dataset, classifier, tmp_path / "part")
    with pytest.raises(BadRecipe, match="split train of small has no images to fit a universal perturbation on"):
        plan(RECIPE, only("test", dataset))
    given = AttackSpec("universal", 0.1, {"delta": as_text(np.ones((9, 9, 1), dtype=np.int16), 8)})
    with pytest.raises(BadRecipe, match="split test of small has no images of shape 9x9x1"):
        plan(Recipe(attacks=(given,), splits=("test",)), dataset)


def only(split: str, dataset: Dataset) -> Dataset:
    return replace(dataset, items=tuple(replace(item, split=split) for item in dataset.items))


def test_a_row_says_where_its_attack_was_free(whole: AdversarialSet, dataset: Dataset) -> None:
    rows = whole.rows()
    fgsm = rows.attack == "fgsm"
    assert set(rows.region[rows.attack == "universal"]) == {"image"}
    assert (fgsm & (rows.region == "image")).sum() == (fgsm & (rows.region != "image")).sum() == 8
    for row in np.flatnonzero(fgsm & (rows.region != "image")).tolist():
        head = head_mask(dataset.levels(rows.parent[row]), 8)
        assert rows.region[row] == ("head" if head.found else "no_head")
    heads = [count for count in whole.counts if count["region"] == "head"]
    assert [count["n"] for count in heads] == [8]


def test_nothing_outside_the_head_changes(classifier: Classifier, tmp_path: Path) -> None:
    scans = small_dataset(tmp_path / "data", framed=True)
    specs = (AttackSpec("pgd", 32 / 255, region="head"), AttackSpec("universal", 32 / 255, {"steps": 4}, "head"))
    recipe = Recipe(attacks=specs, splits=("test",))
    built = build_adversarial(scans, classifier, recipe, tmp_path / "sets", work=tmp_path / "work")
    rows = built.rows()
    attacked = np.flatnonzero((rows.region == "head") & (rows.status != "clean_wrong")).tolist()
    assert {str(rows.attack[row]) for row in attacked} == {"pgd", "universal"}
    for row in attacked:
        clean = scans.levels(rows.parent[row])
        changed = (rows.levels(row) != clean).any(axis=2)
        mask = head_mask(clean, 8).mask
        assert not mask.all()
        assert changed.any()
        assert not changed[~mask].any()
