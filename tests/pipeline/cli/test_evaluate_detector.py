"""The whole protocol on one detector, on the command line."""

import json
from pathlib import Path

import pytest

from pipeline.cli.main import main
from tests.fixtures.gate import TinyChain


def test_the_protocol_is_printed_and_written(tiny_chain: TinyChain, root: Path, tmp_path: Path, capsys) -> None:
    words = ["evaluate-detector", tiny_chain.detector.id, "--alpha", "0.1", "--root", str(root)]
    assert main([*words, "--report", str(tmp_path / "judged"), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "judged.json").read_text())
    assert {row["against"] for row in told["beside"]["shortcuts"]} == {"clean"}
    assert "background zeroed" in (tmp_path / "judged.md").read_text()


@pytest.mark.parametrize(
    ("more", "error", "says"),
    [
        (["--adversarial", "ffff"], "UnknownArtefact", "no 'ffff' in adversarial"),
        (["--alpha", "0.001"], "NotEnoughClean", "cannot support a false-alarm rate of 0.001"),
        (["--split", "elsewhere"], "BadDetector", "no scans in the split 'elsewhere'"),
        (["--split", "detector"], "BadDetector", "split detector: the detector learns from it"),
    ],
)
def test_what_cannot_be_judged_is_refused(tiny_chain: TinyChain, capsys, more, error, says) -> None:
    words = ["evaluate-detector", tiny_chain.detector.id, "--root", str(tiny_chain.root.path), "--json", "--quiet"]
    assert main([*words, *more]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == error
    assert says in told["detail"]
