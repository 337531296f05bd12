"""Sets whose gradients were of bfloat16, and sets of another device: what is made, and what is said of it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.store import Dataset
from pipeline.adversarial import build
from pipeline.adversarial.build import build_adversarial, build_shard
from pipeline.adversarial.files import AdversarialSet, open_adversarial
from pipeline.adversarial.plan import plan
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.errors import BadDevice
from pipeline.models.files import Classifier

EXACT = Recipe(
    attacks=(AttackSpec("pgd", 64 / 255, {"steps": 3}), AttackSpec("cw", None, {"search_steps": 2, "steps": 20})),
    splits=("detector",),
    seed=1,
)
QUICK = replace(EXACT, precision="bf16")


class Killed(BaseException):
    """What a dying process looks like from within: nothing catches it."""


@pytest.fixture(scope="module")
def sets(dataset: Dataset, classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> list[AdversarialSet]:
    """The same recipe in both precisions: exact, then quick."""
    folder = tmp_path_factory.mktemp("sets")
    return [build_adversarial(dataset, classifier, one, folder / "sets", work=folder) for one in (EXACT, QUICK)]


def test_a_set_says_in_which_precision_each_attack_really_was(sets: list[AdversarialSet]) -> None:
    exact, quick = (json.loads((one.folder / "manifest.json").read_text()) for one in sets)
    assert exact["id"] != quick["id"]
    assert "precision" not in exact["recipe"]
    assert quick["recipe"]["precision"] == sets[1].recipe.precision == "bf16"
    said = [[(cell["attack"], cell["precision"]) for cell in manifest["attacks"]] for manifest in (exact, quick)]
    assert said == [[("pgd", "fp32"), ("cw", "fp32")], [("pgd", "bf16"), ("cw", "fp32")]]


def test_only_attacks_that_take_bf16_come_out_otherwise(sets: list[AdversarialSet]) -> None:
    exact, quick = (one.rows() for one in sets)
    np.testing.assert_array_equal(exact.parent, quick.parent)
    same = np.array([np.array_equal(exact.levels(row), quick.levels(row)) for row in range(len(exact))])
    pgd, attacked = exact.attack == "pgd", exact.status != "clean_wrong"
    assert same[~pgd].all()
    assert not same[pgd & attacked].all()
    assert quick.linf[pgd].max() <= np.float32(64 / 255) * (1 + 1e-6)


def test_the_cut_into_shards_changes_no_byte_in_bf16(
    sets: list[AdversarialSet], dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    again = build_adversarial(dataset, classifier, QUICK, tmp_path / "sets", work=tmp_path, shard_s=1e-6)
    assert (again.id, again.rows_sha256) == (sets[1].id, sets[1].rows_sha256)


def test_a_device_that_is_not_here_is_refused_before_any_work(
    dataset: Dataset, classifier: Classifier, tmp_path: Path
) -> None:
    with pytest.raises(BadDevice, match="device 'cuda:99': this machine has"):
        build_adversarial(dataset, classifier, EXACT, tmp_path / "sets", work=tmp_path / "work", device="cuda:99")
    with pytest.raises(BadDevice, match="no device 'gpu'; give auto, cpu, cuda"):
        build_shard(plan(EXACT, dataset), 0, dataset, classifier, tmp_path / "part", device="gpu")
    assert not any(tmp_path.iterdir())


def test_a_set_is_never_put_together_from_two_devices(
    dataset: Dataset, classifier: Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {"root": tmp_path / "sets", "work": tmp_path / "work"}

    def die(done: int, total: int, message: str) -> None:
        if done > total / 2:
            raise Killed

    with pytest.raises(Killed):
        build_adversarial(dataset, classifier, EXACT, shard_s=1e-6, progress=die, **places)
    of_the_cpu = {path: path.stat().st_mtime_ns for path in places["work"].rglob("*.h5")}
    monkeypatch.setattr(build, "chosen_device", lambda name: torch.device("cuda"))  # It is said; the CPU does it.
    kept: dict[Path, int] = {}

    def watch(done: int, total: int, message: str) -> None:
        kept.update({path: path.stat().st_mtime_ns for path in places["work"].rglob("*.h5")})

    built = build_adversarial(dataset, classifier, EXACT, shard_s=1e-6, progress=watch, **places)
    assert of_the_cpu
    assert of_the_cpu.items() <= kept.items()
    assert sum(path.stem.endswith("-cuda") for path in kept) == len(plan(EXACT, dataset, shard_s=1e-6).shards)
    assert built.device == "cuda"


def test_a_set_that_names_no_device_is_of_the_cpu(sets: list[AdversarialSet]) -> None:
    path = sets[0].folder / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest.pop("device") == "cpu"
    path.write_text(json.dumps(manifest))
    assert open_adversarial(sets[0].folder).device == "cpu"
