import json

import pytest

from benchmarks.tampering import OF_DATASETS, OF_MODELS, main


def test_every_single_change_is_found_and_named_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {*OF_DATASETS, *OF_MODELS}
    n = 3 * len(kinds)
    assert main(["--n", str(n), "--untouched", "10", "--items", "50", "--seed", "3"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["found"] == told["n"] == n
    assert told["untouched"] == {"n": 10, "false_alarms": 0}
    assert told["changes"] == {kind: {"n": 3, "found": 3, "named": 3} for kind in kinds}
    assert told["speed"]["ok"]


def test_a_verification_that_overlooks_something_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.provenance.verification.named_differences", lambda now, was: [])
    assert main(["--n", "12", "--untouched", "2", "--items", "10"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["found"] < told["n"]
