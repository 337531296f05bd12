"""STRIP in a gate, on the command line."""

import shutil
from pathlib import Path

import pytest

from datasets.image import encode_png
from pipeline.cli.main import main
from tests.fixtures.backdoored import stamped
from tests.fixtures.gate import TinyChain


@pytest.fixture
def root(backdoored_chain: TinyChain, tmp_path: Path) -> Path:
    """The backdoored chain's data root, to be written to."""
    return Path(shutil.copytree(backdoored_chain.root.path, tmp_path / "data"))


@pytest.mark.parametrize(("by", "n_overlays", "n"), [("sums", 16, 164), ("parts", 3, 156)])
def test_a_gate_with_strip_holds_a_triggered_file_and_says_why(
    backdoored_chain: TinyChain, root: Path, tmp_path: Path, answer, capsys, by: str, n_overlays: int, n: int
) -> None:
    at, detector = ("--root", root), backdoored_chain.detector.id
    words = ("--alpha", 0.05, "--strip", "--strip-by", by, "--strip-overlays", n_overlays)
    words += ("--strip-rate", 0.1, "--strip-seed", 5)
    status, made = answer("release", detector, *words, *at)
    assert status == 0
    assert (made["strip"]["n_overlays"], made["strip"]["rate"], made["strip"]["n_calibration"]) == (n_overlays, 0.1, n)
    assert made["held_at_most"] == pytest.approx(0.15)
    assert main(["release", detector, *map(str, (*words, *at)), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "together they hold at most 15.0% of clean scans by design" in said
    assert f"by {by}, {n_overlays} overlays: the graph takes" in said
    dataset = backdoored_chain.dataset
    item = next(int(item) for item in dataset.indices("test") if dataset.labels[item] == 2)
    file = tmp_path / "scan.png"
    file.write_bytes(encode_png(stamped(dataset.levels(item)), 8))
    status, told = answer("screen", file, "--gate", made["id"], *at)
    assert (status, told["verdict"]) == (2, "adversarial")
    assert (told["strip"]["fired"], told["strip"]["guess"]) == (True, "backdoor trigger")
    assert "wavering" not in told["strip"]
    assert main(["screen", str(file), "--gate", made["id"], "--root", str(root), "--quiet"]) == 2
    assert "suspected backdoor trigger" in capsys.readouterr().out


def test_without_the_option_there_is_no_strip(backdoored_chain: TinyChain, root: Path, answer) -> None:
    status, made = answer("release", backdoored_chain.detector.id, "--alpha", 0.05, "--root", root)
    assert status == 0
    assert not {"strip", "held_at_most"} & set(made)


@pytest.mark.parametrize(
    ("words", "error", "says"),
    [
        (("--strip-rate", 0.1), "BadStrip", "options of STRIP without STRIP; give --strip as well"),
        (("--strip", "--strip-rate", 0.01), "NotEnoughClean", "148 clean calibration images cannot support"),
        (("--strip", "--strip-overlays", 200), "BadStrip", "200 overlays, by parts; give 2 to 20, for instance 4"),
        (("--strip", "--strip-by", "sums", "--strip-overlays", 200), "BadStrip", "200 of 180 clean calibration images"),
        (("--strip", "--strip-overlays", 0), "BadStrip", "0 overlays, by parts; give 2 to 20"),
        (("--strip", "--strip-rate", 0.7), "BadStrip", "rate of false rejects 0.7"),
    ],
)
def test_what_cannot_be_had_is_refused_and_makes_no_gate(
    backdoored_chain: TinyChain, root: Path, answer, words, error, says
) -> None:
    before = sorted((root / "gates").iterdir())
    status, said = answer("release", backdoored_chain.detector.id, "--alpha", 0.05, *words, "--root", root)
    assert (status, said["error"]) == (1, error)
    assert says in said["detail"]
    assert sorted((root / "gates").iterdir()) == before
