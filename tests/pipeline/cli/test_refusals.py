"""What the command line says, and leaves behind, when the machine or the arguments are not as they should be."""

import errno
import json
import os
from pathlib import Path

import pytest

from pipeline.cli.arguments import radius
from pipeline.cli.main import main
from pipeline.gate.decision import Verdict
from tests.fixtures.gate import TinyChain


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]):
    """Runs a command that must end with status 1; gives the kind and the sentence."""

    def run(*arguments: object) -> tuple[str, str]:
        capsys.readouterr()
        assert main([*map(str, arguments), "--json", "--quiet"]) == 1
        out, err = capsys.readouterr()
        said = json.loads(out)
        assert err == said["detail"] + "\n"
        return said["error"], said["detail"]

    return run


def test_a_folder_where_a_file_belongs(tiny_chain: TinyChain, tmp_path: Path, refused) -> None:
    said = refused("screen", tmp_path, "--root", tiny_chain.root.path)
    assert said == ("IsADirectoryError", f"{tmp_path}: Is a directory; name a file, not a folder.")


def test_a_file_where_the_data_root_belongs(tmp_path: Path, refused) -> None:
    (tmp_path / "root").write_bytes(b"")
    kind, sentence = refused("evaluate", "abc", "--root", tmp_path / "root")
    assert kind == "NotADirectoryError"
    assert sentence.endswith("name a folder for it, not a file.")


def test_a_file_that_may_not_be_read(tiny_chain: TinyChain, monkeypatch: pytest.MonkeyPatch, refused) -> None:
    # Changed permissions would not stop root, as whom the tests may run.
    read = Path.read_bytes

    def denied(path: Path) -> bytes:
        if path.name != "scan.png":  # The gate before it is read as ever.
            return read(path)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    said = refused("screen", "scan.png", "--root", tiny_chain.root.path)
    assert said == (
        "PermissionError",
        "scan.png: Permission denied; change its permissions, or name another path.",
    )


def test_a_mistyped_id_is_looked_for_among_classifiers_and_detectors(tiny_chain: TinyChain, refused) -> None:
    kind, sentence = refused("evaluate", "0000", "--root", tiny_chain.root.path)
    assert kind == "UnknownArtefact"
    assert sentence.startswith("neither a classifier nor a detector: no '0000' in models of ")
    assert "no '0000' in detectors" in sentence


def test_robust_accuracy_is_of_a_classifier_on_one_data_set(tiny_chain: TinyChain, refused) -> None:
    at = ("--robust", "4/255", "--root", tiny_chain.root.path)
    kind, sentence = refused("evaluate", tiny_chain.detector.id, *at)
    assert (kind, sentence) == (
        "BadAttack",
        f"{tiny_chain.detector.id} is a detector; --robust attacks a classifier: give its id",
    )
    kind, sentence = refused("evaluate", tiny_chain.classifier.id, "one", "--dataset", "other", *at)
    assert (kind, sentence) == ("UnknownArtefact", "two data sets are named, one and other; name one")
    kind, sentence = refused("evaluate", tiny_chain.classifier.id, "--n", 0, *at)
    assert (kind, sentence) == ("BadAttack", "--n 0; give a whole number within [1, 1000000]")
    kind, sentence = refused("evaluate", tiny_chain.classifier.id, *at[2:], "--robust", 8)
    assert kind == "BadAttack"
    assert sentence.endswith("give a fraction of the pixel range, such as 8/255 = 0.0314")


@pytest.mark.parametrize("content", [b"", b"text"], ids=["empty", "text"])
def test_what_is_no_image_is_not_attacked(tiny_chain: TinyChain, tmp_path: Path, refused, content: bytes) -> None:
    (tmp_path / "scan.png").write_bytes(content)
    kind, sentence = refused(
        "attack", tmp_path / "scan.png", "--classifier", tiny_chain.classifier.id, "--out", tmp_path / "out.png",
        "--root", tiny_chain.root.path,
    )  # fmt: skip
    assert kind == "BadImage"
    assert sentence.startswith("scan.png: ")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"{"], ids=["not UTF-8", "not JSON"])
def test_a_recipe_that_cannot_be_read(tiny_chain: TinyChain, tmp_path: Path, refused, content: bytes) -> None:
    recipe = tmp_path / "recipe.json"
    recipe.write_bytes(content)
    kind, sentence = refused(
        "build-adversarial", tiny_chain.dataset.id, tiny_chain.classifier.id, "--recipe", recipe,
        "--root", tiny_chain.root.path,
    )  # fmt: skip
    assert kind == "BadRecipe"
    assert sentence.startswith(f"{recipe} is no JSON in UTF-8: ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["import-dataset", "a.zip", "--seed=-1"], "'-1' is no seed; give a whole number from 0 to 4294967295"),
        (["import-dataset", "a.zip", "--shares=validation=.1"], "'validation=.1': give each split once, as train=.6"),
        (["import-dataset", "a.zip", "--shares=val=.1,val=0"], "'val=0': give each split once, as train=.6,val=0"),
        (["import-dataset", "a.zip", "--shares=val"], "'' is no share of val; give a number, as val=.2"),
        (["import-dataset", "a.zip", "--shares=val=-1"], "share of val: -1.0, expected a number of at least 0"),
        (["import-dataset", "a.zip", "--shares=train=0"], "share of train: 0, expected more than 0"),
        (["train-classifier", "abc", "--seed=1.5"], "'1.5' is no seed; give a whole number"),
        (["train-classifier", "abc", "--harden=trades"], "--harden: invalid choice: 'trades'"),
        (["train-classifier", "abc", "--harden-eps=4/0"], "'4/0' is no number; give one such as 4/255 or 0.0157"),
        (["attack", "a.png", "--eps=1/2/3"], "'1/2/3' is no number; give one such as 4/255 or 0.0157"),
        (["attack", "a.png", "--eps=4/0"], "'4/0' is no number; give one such as 4/255 or 0.0157"),
        (["run", "a.zip", "--seed=4294967296"], "'4294967296' is no seed; give a whole number"),
        (["attack", "a.png", "--params=[1]"], "--params: '[1]' holds no JSON object; give one such as"),
        (["attack", "a.png", "--params=none.json"], "--params: 'none.json' is neither JSON nor a file with it"),
        (["attack", "a.png", "--params={1}"], "--params: '{1}' is neither JSON nor a file with it"),
        (["attack", "a.png", "--region=neck"], "--region: invalid choice: 'neck'"),
        (
            ["import-classifier", "a.pt", "--architecture=a", "--classes=a,b", "--mean=abc"],
            "--mean: 'abc': give numbers with commas between, as 0.485,0.456,0.406",
        ),
        (
            ["import-classifier", "a.pt", "--architecture=a", "--classes=a,b", "--std=nan"],
            "--std: 'nan' holds what is no finite number",
        ),
    ],
)
def test_an_argument_out_of_range(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    assert says in capsys.readouterr().err


def test_a_radius_may_be_half_a_level() -> None:
    assert radius("0.5/255") == 0.5 / 255
    assert radius("4/255") == 4 / 255


def test_an_attack_refuses_a_folder_that_is_not_there(tiny_chain, tmp_path, refused) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(b"")
    _, sentence = refused("attack", scan, "--classifier", tiny_chain.classifier.id, "--out", tmp_path / "no" / "a.png")
    assert (
        sentence
        == f"--out {tmp_path / 'no' / 'a.png'}: there is no folder {tmp_path / 'no'}; make it, or write elsewhere"
    )
    assert not (tmp_path / "no").exists()


def test_an_attack_does_not_write_over_the_image(tiny_chain, tmp_path, refused) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    before = scan.read_bytes()
    at = ("--classifier", tiny_chain.classifier.id, "--out", scan, "--root", tiny_chain.root.path)
    kind, sentence = refused("attack", scan, *at)
    assert kind == "BadAttack"
    assert sentence == f"--out {scan} is the image itself, which would be lost; give another name"
    assert scan.read_bytes() == before


def test_an_eps_that_is_given_twice_is_refused(tiny_chain, tmp_path, refused) -> None:
    scan = tmp_path / "scan.png"
    scan.write_bytes(tiny_chain.scan(Verdict.CLEAN))
    at = ("--classifier", tiny_chain.classifier.id, "--out", tmp_path / "b.png", "--root", tiny_chain.root.path)
    _, sentence = refused("attack", scan, "--eps", "4/255", "--params", '{"eps": 0.1}', *at)
    assert sentence.startswith("eps is given twice, as --eps 0.0156863 and in --params")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--harden-eps=4/255"], "--harden-eps without --harden; give --harden fast or --harden pgd as well"),
        (
            ["--harden=fast", "--harden-eps=4"],
            "hardening eps 4.0; give a fraction of the pixel range above 0 and below",
        ),
        (["--harden=fast", "--harden-steps=7"], "hardening steps 7 with the method fast, which takes one"),
        (["--harden=pgd", "--harden-steps=0"], "hardening steps 0; give a whole number from 1 to 100"),
    ],
)
def test_a_hardening_that_cannot_be_is_refused_before_anything_is_read(arguments, says, tmp_path, refused) -> None:
    kind, sentence = refused("train-classifier", "abc", *arguments, "--root", tmp_path)
    assert kind == "BadTraining"
    assert sentence.startswith(says)
