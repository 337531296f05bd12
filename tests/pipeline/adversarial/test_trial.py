import json
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.store import Dataset
from pipeline.adversarial.plan import plan
from pipeline.adversarial.recipe import Recipe
from pipeline.adversarial.trial import shard_rows
from pipeline.errors import BadRecipe

OURS = {"attacks": [{"name": "fgsm", "eps": [0.1, 0.2]}, {"name": "cw", "region": "head"}], "splits": ["test"]}
OF_THE_TOOLBOX = {"attacks": [{"name": "art:SaliencyMapMethod", "params": {"theta": 0.1}}], "splits": ["test"]}

PROGRAM = """
import json, pathlib, sys
from pipeline.adversarial.trial import shard_rows

print(json.dumps(shard_rows(json.loads(sys.argv[1]), pathlib.Path(sys.argv[2]), "SequentialCNN")))
sys.exit("torch was imported" if "torch" in sys.modules else 0)
"""


@pytest.mark.parametrize("recipe", [OURS, OF_THE_TOOLBOX], ids=["ours", "toolbox"])
def test_a_recipe_is_cut_without_torch_as_its_plan_is(recipe: dict[str, object], dataset: Dataset) -> None:
    if recipe is OF_THE_TOOLBOX:
        pytest.importorskip("art")
    command = [sys.executable, "-c", PROGRAM, json.dumps(recipe), str(dataset.folder)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode == 0, ended.stderr
    made = plan(Recipe.from_json(recipe), dataset)
    assert json.loads(ended.stdout) == [
        sum(len(batch.parents) for batch in made.shard(k)) for k in range(len(made.shards))
    ]


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        ({"name": "art:Fabulous"}, "the toolbox has no attack 'Fabulous'; take one of "),
        ({"name": "art:SaliencyMapMethod", "params": {"thet": 1}}, "has no parameter thet to set; it has gamma, theta"),
        ({"name": "art:SaliencyMapMethod", "region": "neck"}, "region 'neck' of art:SaliencyMapMethod"),
    ],
)
def test_what_the_child_refuses_is_refused_with_its_sentence(
    attack: dict[str, object], message: str, dataset: Dataset
) -> None:
    pytest.importorskip("art")
    with pytest.raises(BadRecipe, match=message):
        shard_rows({"attacks": [attack]}, dataset.folder, "SequentialCNN")


def test_a_child_that_fails_is_told_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.adversarial.trial.__name__", "pipeline.adversarial.nowhere")
    with pytest.raises(BadRecipe, match=r"the recipe could not be tried: .*; leave the attacks of art: out"):
        shard_rows(OF_THE_TOOLBOX, tmp_path, "SequentialCNN")
