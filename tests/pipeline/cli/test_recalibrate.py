"""Recalibration and the two rates of a gate, on the command line."""

from pathlib import Path

import pytest

from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from tests.fixtures.gate import TinyChain
from tests.fixtures.local import N_LOCAL, flat_zip, local_dataset


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


def test_scans_without_labels_recalibrate_from_a_flat_zip_to_a_gate(
    tiny_chain: TinyChain, root: Path, tmp_path: Path, answer, capsys
) -> None:
    at, source = ("--root", root), flat_zip(tmp_path / "flat.zip")
    status, refused = answer("import-dataset", source, *at)
    assert (status, refused["error"]) == (1, "BadDataset")
    assert "0 usable images of 0 classes" in refused["detail"]
    assert "--unlabelled" in refused["detail"]
    status, local = answer("import-dataset", source, "--name", "scanner-b", "--unlabelled", *at)
    assert (status, local["classes"], local["splits"]) == (0, ["unlabelled"], {"calibration": N_LOCAL})
    status, made = answer("recalibrate", tiny_chain.detector.id, local["id"], "--alpha", 0.1, "--name", "here", *at)
    assert (status, made["n_calibration"], made["recalibration"]["n"]) == (0, N_LOCAL, N_LOCAL)
    assert list(made["recalibration"]["by_class"]) == ["unlabelled"]
    status, judged = answer("evaluate", made["id"], "--alpha", 0.1, *at)
    assert (status, judged["n_calibration"]) == (0, N_LOCAL)
    status, released = answer("release", made["id"], "--alpha", 0.1, *at)
    assert (status, released["n_calibration"]) == (0, N_LOCAL)
    capsys.readouterr()
    assert main(["import-dataset", str(source), "--unlabelled", "--quiet", "--root", str(root)]) == 0
    assert f"{N_LOCAL} images, no labels, for recalibrate alone" in capsys.readouterr().out


def test_whatever_needs_labels_refuses_scans_that_have_none(
    tiny_chain: TinyChain, root: Path, tmp_path: Path, answer
) -> None:
    at = ("--root", root)
    local = answer("import-dataset", flat_zip(tmp_path / "flat.zip"), "--name", "B", "--unlabelled", *at)[1]["id"]
    classifier, detector = tiny_chain.classifier.id, tiny_chain.detector.id
    for asked in (
        ("train-classifier", local),
        ("build-adversarial", local, classifier),
        ("evaluate", classifier, "--dataset", local),
        ("evaluate", classifier, "--dataset", local, "--robust", "4/255"),
        ("evaluate", detector, "--dataset", local),
        ("attack-gate", detector, "--dataset", local),
    ):
        status, said = answer(*asked, *at)
        assert (status, said["error"]) == (1, "BadDataset"), asked
        assert "B: its scans have no labels and serve calibration alone; recalibrate a detector on" in said["detail"]
    assert [folder.name for folder in (root / "models").iterdir()] == [classifier]


def test_shares_beside_unlabelled_are_refused(root: Path, tmp_path: Path, answer) -> None:
    words = ("--unlabelled", "--shares", "val=0", "--root", root)
    status, said = answer("import-dataset", flat_zip(tmp_path / "flat.zip"), *words)
    assert (status, said["error"]) == (1, "BadDataset")
    assert "not divided: all serve calibration; leave them out" in said["detail"]


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
