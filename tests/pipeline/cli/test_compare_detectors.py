"""The comparison of detectors as a program and as a person ask for it."""

import json

import pytest

from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from pipeline.detector_report.kept import kept_comparison

FEW = ["--alpha", "0.2", "--clean", "40", "--attacked", "2", "--controlled", "1", "--quiet"]


def test_the_command_line_compares_every_way_of_detecting(tiny_chain, root, capsys):
    at = ["--root", str(root)]
    assert main(["compare-detectors", tiny_chain.detector.id, *FEW, "--json", *at]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["detector_ids"] == [tiny_chain.detector.id]
    assert kept_comparison(DataRoot(root), tiny_chain.detector.id) == values
    assert {method["name"] for method in values["methods"]} >= {"fused", "squeezing disagreement"}
    assert main(["compare-detectors", tiny_chain.detector.id, tiny_chain.detector.id, *FEW, *at]) == 0
    assert "| 6. fused |" in capsys.readouterr().out


@pytest.mark.parametrize("split", ["detector", "calibration"])
def test_no_way_is_judged_on_scans_that_a_detector_knows(tiny_chain, capsys, split):
    words = ["compare-detectors", tiny_chain.detector.id, *FEW, "--split", split, "--root", str(tiny_chain.root.path)]
    assert main(words) == 1
    assert f"split {split}: " in capsys.readouterr().err


def test_an_unknown_detector_is_a_sentence(tiny_chain, capsys):
    assert main(["compare-detectors", "ffff", *FEW, "--root", str(tiny_chain.root.path)]) == 1
    assert "no 'ffff' in detectors" in capsys.readouterr().err


def test_a_detector_must_be_named(capsys):
    with pytest.raises(SystemExit):
        main(["compare-detectors"])
    assert "detector" in capsys.readouterr().err
