"""The precision of gradients and the device, as the commands take and tell them."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline.cli.main import main
from pipeline.gate.decision import Verdict
from tests.fixtures.gate import TinyChain


@pytest.fixture
def attack(tiny_chain: TinyChain, tmp_path: Path):
    """The words of a command that attacks a scan."""
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    words = ("attack", scan, "--classifier", tiny_chain.classifier.id, "--out", tmp_path / "adv.png")
    return [*map(str, words), "--root", str(tiny_chain.root.path), "--quiet"]


@pytest.mark.parametrize(("name", "used"), [("pgd", "bf16"), ("fgsm", "bf16"), ("cw", "fp32"), ("deepfool", "fp32")])
def test_an_attack_tells_the_precision_that_it_really_used(
    attack: list[str], capsys: pytest.CaptureFixture[str], name: str, used: str
) -> None:
    words = [*attack, "--attack", name, "--precision", "bf16"]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["precision"], told["device"]) == (used, "cpu")
    assert main(words) == 0
    said = f"{name} takes no bf16: its gradients were of fp32" in capsys.readouterr().out
    assert said == (used == "fp32")


def test_gradients_are_of_fp32_where_nothing_is_said(attack: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*attack, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["precision"] == "fp32"


@pytest.mark.parametrize("command", ["attack", "build-adversarial"])
def test_an_unknown_precision_is_refused_by_the_commands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "a", "b", "--precision", "fp16"])
    assert ended.value.code == 1
    assert "invalid choice: 'fp16' (choose from" in capsys.readouterr().err


@pytest.mark.parametrize(("asked", "used"), [((), "bf16"), (("--precision", "fp32"), "fp32")])
def test_a_set_is_built_in_the_recipes_precision_or_in_the_one_asked_for(
    tiny_chain: TinyChain, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: tuple[str, ...], used: str
) -> None:
    root, recipe = shutil.copytree(tiny_chain.root.path, tmp_path / "data"), tmp_path / "recipe.json"
    attacks = ["fgsm", {"name": "cw", "params": {"steps": 2}}]
    recipe.write_text(json.dumps({"attacks": attacks, "per_cell": 2, "precision": "bf16"}))
    parents = (tiny_chain.dataset.id, tiny_chain.classifier.id)
    words = ["build-adversarial", *parents, "--recipe", str(recipe), "--root", str(root), "--quiet", *asked]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["precision"], told["device"]) == ({"fgsm": used, "cw": "fp32"}, "cpu")
    assert main(words) == 0
    assert ("gradients: fgsm in bf16, cw in fp32" in capsys.readouterr().out) == (used == "bf16")


def test_a_device_that_is_not_here_is_refused(
    tiny_chain: TinyChain, attack: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    at = ["--root", str(tiny_chain.root.path), "--quiet"]
    commands = (
        attack,
        ["evaluate", tiny_chain.classifier.id, *at],
        ["evaluate", tiny_chain.classifier.id, "--robust", "8/255", *at],
        ["build-adversarial", tiny_chain.dataset.id, tiny_chain.classifier.id, *at],
    )
    for words in commands:
        assert main([*words, "--device", "cuda:99", "--json"]) == 1
        told = json.loads(capsys.readouterr().out)
        assert told["error"] == "BadDevice"
        assert "device 'cuda:99': this machine has" in told["detail"]
    assert not (tmp_path / "adv.png").exists()


def test_a_detector_is_judged_on_the_cpu_alone(tiny_chain: TinyChain, capsys: pytest.CaptureFixture[str]) -> None:
    at = ["--root", str(tiny_chain.root.path), "--quiet", "--json"]
    assert main(["evaluate", tiny_chain.detector.id, "--device", "cuda", *at]) == 1
    assert "which is judged on the CPU; leave --device away" in json.loads(capsys.readouterr().out)["detail"]
    assert main(["evaluate", tiny_chain.detector.id, "--alpha", "0.1", "--device", "auto", *at]) == 0
