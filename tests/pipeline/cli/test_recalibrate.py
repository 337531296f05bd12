"""Recalibration and the two rates of a gate, on the command line."""

from pathlib import Path

import pytest

from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from tests.fixtures.gate import TinyChain
from tests.fixtures.local import N_LOCAL, local_dataset


def test_a_detector_is_recalibrated_on_local_scans_judged_and_released(
    tiny_chain: TinyChain, root: Path, tmp_path: Path, answer, capsys
) -> None:
    at = ("--root", root)
    local = local_dataset(DataRoot(root), tmp_path)
    status, made = answer("recalibrate", tiny_chain.detector.id, local.id, "--alpha", 0.1, "--name", "here", *at)
    assert (status, made["n_calibration"], made["recalibration"]["n"]) == (0, N_LOCAL, N_LOCAL)
    row = next(row for row in made["recalibration"]["rates"] if row["alpha"] == 0.1)
    assert row["before"]["value"] > row["band"][1]
    status, judged = answer("evaluate", made["id"], "--alpha", 0.1, *at)
    assert (status, judged["n_calibration"], judged["adversarial_id"]) == (0, N_LOCAL, tiny_chain.adversarial_set.id)
    status, released = answer("release", made["id"], "--alpha", 0.1, "--alpha-uncertain", 0.3, *at)
    assert (status, released["n_calibration"], released["alpha_uncertain"]) == (0, N_LOCAL, 0.3)
    words = ["recalibrate", tiny_chain.detector.id, local.id, "--split", "train", "--split", "test", "--quiet"]
    assert main([*words, "--root", str(root)]) == 0
    assert "scans of local (train, test)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        (["--split", "detector"], "BadCalibration", "detector: the detector learns from it"),
        (
            ["--split", "calibration", "--alpha", "0.001"],
            "NotEnoughClean",
            "cannot support a false-alarm rate of 0.001",
        ),
        (["--split", "calibration", "--alpha", "nan"], "NotEnoughClean", "expected within"),
        (["--split", "calibration"], "BadCalibration", "is calibrated on just these scans"),
    ],
)
def test_scans_that_cannot_recalibrate_are_refused(
    tiny_chain: TinyChain, root: Path, answer, more, error, says
) -> None:
    status, said = answer("recalibrate", tiny_chain.detector.id, tiny_chain.dataset.id, *more, "--root", root)
    assert (status, said["error"]) == (1, error)
    assert says in said["detail"]
    assert [folder.name for folder in (root / "detectors").iterdir()] == [tiny_chain.detector.id]


def test_an_uncertain_rate_below_the_first_is_refused(tiny_chain: TinyChain, answer) -> None:
    at = ("--alpha", 0.1, "--alpha-uncertain", 0.05, "--root", tiny_chain.root.path)
    status, said = answer("release", tiny_chain.detector.id, *at)
    assert (status, said["error"], said["detail"]) == (1, "BadRate", "alpha_uncertain 0.05; give 0.1 (alpha) to 0.5")
