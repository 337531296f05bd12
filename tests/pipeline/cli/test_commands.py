"""The command line as a program uses it: arguments in, JSON and an exit status out."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from datasets.decoding import decode
from datasets.head import head_mask
from pipeline.cli.main import COMMANDS, main
from pipeline.gate.decision import Verdict
from tests.datasets.scan_files import classes_of, write_folder
from tests.fixtures.gate import TinyChain


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.NAME)
def test_every_command_explains_itself(command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command.NAME, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_wrong_usage_exits_with_one_and_never_with_the_status_of_a_verdict() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["screen"])
    assert ended.value.code == 1


def test_whoever_reads_only_the_first_line_is_not_told_of_it(tiny_chain: TinyChain) -> None:
    command = [sys.executable, "-m", "pipeline", "history", tiny_chain.gate.id, "--root", str(tiny_chain.root.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as asked:
        assert asked.stdout is not None
        asked.stdout.close()
        assert asked.stderr is not None
        assert "Error" not in asked.stderr.read()
    assert asked.returncode == 0


@pytest.mark.parametrize(
    ("verdict", "status"), [(Verdict.CLEAN, 0), (Verdict.ADVERSARIAL, 2), (Verdict.UNCERTAIN, 3)], ids=str
)
def test_the_exit_status_is_the_verdict(tiny_chain: TinyChain, tmp_path: Path, answer, verdict, status) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(verdict))
    found, decision = answer("screen", scan, "--root", tiny_chain.root.path)
    assert (found, decision["verdict"]) == (status, verdict)
    assert (decision["prediction"] is None) == (verdict is not Verdict.CLEAN)
    assert decision["gate_id"] == tiny_chain.gate.id


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n cut off"], ids=["empty", "text", "cut"])
def test_what_is_no_image_is_not_screened(tiny_chain: TinyChain, tmp_path: Path, answer, content: bytes) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(content)
    status, decision = answer("screen", scan, "--root", tiny_chain.root.path)
    assert (status, decision["verdict"]) == (4, "not_screened")
    assert decision["reason"]


def test_a_missing_file_is_a_sentence(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    status, said = answer("screen", tmp_path / "none.png", "--root", tiny_chain.root.path)
    assert status == 1
    assert "none.png" in said["detail"]


def test_screening_without_a_gate_says_what_to_do(tmp_path: Path, answer) -> None:
    (tmp_path / "scan.png").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    status, said = answer("screen", tmp_path / "scan.png", "--root", tmp_path / "empty")
    assert (status, said["error"]) == (1, "UnknownArtefact")
    assert "make one first" in said["detail"]


def test_an_imported_data_set_is_counted(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    status, said = answer("import-dataset", tiny_chain.source, "--root", tmp_path)
    assert status == 0
    assert said["classes"] == ["left", "right"]
    assert sum(said["splits"].values()) == len(tiny_chain.dataset)


def test_a_split_is_left_out_where_its_share_is_nothing(tmp_path: Path, answer) -> None:
    write_folder(tmp_path / "few", classes_of(2))
    status, refused = answer("import-dataset", tmp_path / "few", "--root", tmp_path / "data")
    assert (status, refused["error"]) == (1, "BadDataset")
    advice = re.search(r"--shares \S+(?=\.$)", refused["detail"])
    assert advice is not None
    status, said = answer("import-dataset", tmp_path / "few", *advice.group().split(), "--root", tmp_path / "data")
    assert status == 0
    assert set(said["splits"]) == {"train", "detector", "calibration"}


def test_the_steps_follow_one_another(tiny_chain: TinyChain, root: Path, tmp_path: Path, answer) -> None:
    at = ("--root", root)
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({"attacks": [{"name": "fgsm", "eps": [16 / 255]}], "splits": ["detector", "test"]}))
    status, trained = answer(
        "train-classifier", tiny_chain.dataset.id, "--size", 32, "--epochs", 2, "--batch-size", 16, *at
    )
    assert status == 0
    assert trained["report"]["n"] == len(tiny_chain.dataset.indices("test"))
    status, built = answer("build-adversarial", tiny_chain.dataset.id, trained["id"], "--recipe", recipe, *at)
    assert status == 0
    assert built["n"] == sum(count["n"] for count in built["counts"])


def test_a_classifier_is_hardened(tiny_chain: TinyChain, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hard = ("--harden", "pgd", "--harden-eps", "2/255", "--harden-steps", "2")
    asked = ["train-classifier", tiny_chain.dataset.id, "--size", "32", "--epochs", "1", *hard, "--root", str(root)]
    assert main([*asked, "--quiet"]) == 0
    said = re.search(
        r"robust validation accuracy (\S+) of (\d+) images under PGD of 10 steps within 2/255", capsys.readouterr().out
    )
    assert said is not None
    assert 0 <= float(said[1]) <= 1
    assert int(said[2]) == len(tiny_chain.dataset.indices("val"))


def test_a_detector_is_trained_judged_and_released(tiny_chain: TinyChain, root: Path, answer) -> None:
    at = ("--root", root)
    status, trained = answer("train-detector", tiny_chain.adversarial_set.id, "--epochs", 1, "--draws", 16, *at)
    assert status == 0
    status, judged = answer("evaluate", trained["id"], "--alpha", 0.1, *at)
    assert status == 0
    assert {cell["attack"] for cell in judged["cells"]} == {"fgsm", "pgd"}
    assert judged["n_clean"] == len(tiny_chain.dataset.indices("test"))
    status, released = answer("release", trained["id"], "--alpha", 0.1, *at)
    assert status == 0
    assert released["band"][0] < 0.1 < released["band"][1]


@pytest.mark.parametrize("alpha", [7, 0, -1, "nan"])
def test_a_detector_is_not_judged_at_a_rate_that_cannot_be(alpha: float | str, tiny_chain: TinyChain, answer) -> None:
    status, said = answer("evaluate", tiny_chain.detector.id, f"--alpha={alpha}", "--root", tiny_chain.root.path)
    assert (status, said["error"]) == (1, "NotEnoughClean")


def test_a_command_that_only_looks_leaves_nothing_behind(tmp_path: Path, answer) -> None:
    (tmp_path / "scan.png").write_bytes(b"")
    assert answer("screen", tmp_path / "scan.png", "--root", tmp_path / "typo")[0] == 1
    assert not (tmp_path / "typo").exists()


def test_a_rate_that_the_scans_cannot_support_is_refused(tiny_chain: TinyChain, answer) -> None:
    status, said = answer("release", tiny_chain.detector.id, "--alpha", 0.001, "--root", tiny_chain.root.path)
    assert (status, said["error"]) == (1, "NotEnoughClean")


def test_a_classifier_is_judged_on_the_data_that_it_was_trained_for(tiny_chain: TinyChain, answer) -> None:
    status, report = answer("evaluate", tiny_chain.classifier.id, "--root", tiny_chain.root.path)
    assert (status, report["dataset_id"]) == (0, tiny_chain.dataset.id)


def test_a_classifier_is_judged_under_attack(tiny_chain: TinyChain, answer, capsys) -> None:
    words = [tiny_chain.classifier.id, tiny_chain.dataset.id, "--robust", "8/255", "--n", 6, "--queries", 50]
    at = ("--steps", 10, "--root", tiny_chain.root.path)
    status, report = answer("evaluate", *words, *at)
    assert (status, report["dataset_id"], report["n"]) == (0, tiny_chain.dataset.id, 6)
    assert report["eps"] == 8 / 255
    assert report["robust_accuracy"] <= report["clean_accuracy"]
    assert [stage["attack"] for stage in report["stages"]] == ["apgd", "apgd_t", "square"]
    assert len(report["images"]) == 6
    assert main(["evaluate", *map(str, [*words, *at])]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"robust accuracy {report['robust_accuracy']:.2%} of 6 images at eps 8/255")
    assert "evaluate: 6/6" in err  # Progress, for people who wait.


def test_weights_come_in_and_are_attacked(tiny_chain: TinyChain, root: Path, tmp_path: Path, answer) -> None:
    weights = tiny_chain.classifier.folder / "weights.safetensors"
    status, imported = answer(
        "import-classifier", weights, "--architecture", "SequentialCNN", "--classes", "left,right", "--size", 32,
        "--root", root,
    )  # fmt: skip
    assert status == 0
    scan, out = tmp_path / "scan.png", tmp_path / "attacked.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    status, attacked = answer(
        "attack",
        scan,
        "--classifier",
        imported["id"],
        "--attack",
        "fgsm",
        "--eps",
        "16/255",
        "--out",
        out,
        "--root",
        root,
    )
    assert status == 0
    change = decode(out.read_bytes()).levels.astype(int) - decode(scan.read_bytes()).levels.astype(int)
    assert 0 < abs(change).max() <= 16
    assert attacked["success"] == (attacked["before"] != attacked["after"])


@pytest.mark.parametrize("eps", ["-1/255", "2", "nan"])
def test_a_radius_out_of_range_is_refused(tiny_chain: TinyChain, tmp_path: Path, answer, eps: str) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    status, said = answer(
        "attack", scan, "--classifier", tiny_chain.classifier.id, f"--eps={eps}", "--out", tmp_path / "out.png",
        "--root", tiny_chain.root.path,
    )  # fmt: skip
    assert (status, said["error"]) == (1, "BadAttack")
    assert not (tmp_path / "out.png").exists()


def test_an_attack_inside_the_head_changes_nothing_else(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    scan, out = tmp_path / "scan.png", tmp_path / "attacked.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    parameters = tmp_path / "params.json"
    parameters.write_text('{"steps": 3}')
    status, attacked = answer(
        "attack", scan, "--classifier", tiny_chain.classifier.id, "--region", "head", "--params", parameters,
        "--out", out, "--root", tiny_chain.root.path,
    )  # fmt: skip
    clean = decode(scan.read_bytes())
    head = head_mask(clean.levels, clean.bits)
    changed = (decode(out.read_bytes()).levels != clean.levels).any(axis=2)
    assert status == 0
    assert (attacked["region"], attacked["head_found"]) == ("head", head.found)
    assert changed.any()
    assert not changed[~head.mask].any()


def test_an_unfitted_perturbation_says_how_to_fit_it(tiny_chain: TinyChain, tmp_path: Path, answer) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    status, said = answer(
        "attack", scan, "--classifier", tiny_chain.classifier.id, "--attack", "universal", "--out", tmp_path / "o.png",
        "--root", tiny_chain.root.path,
    )  # fmt: skip
    assert (status, said["error"]) == (1, "BadAttack")
    assert "which fits it on the training images" in said["detail"]
