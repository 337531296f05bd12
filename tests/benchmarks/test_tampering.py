import json

import pytest

from benchmarks.poisoning_once_goals import tampered_goals
from benchmarks.tampering import main
from benchmarks.tampering_changes import OF_DATASETS, OF_MODELS, ONLY_VERIFIED
from benchmarks.tampering_events import EVENTS

KINDS = {*OF_DATASETS, *OF_MODELS}
DELETED = [kind for kind in KINDS if "deleted" in kind]


def told_of(capsys: pytest.CaptureFixture[str], n: int, untouched: int, *, status: int) -> dict:
    assert main(["--n", str(n), "--untouched", str(untouched), "--items", "10", "--seed", "3"]) == status
    return json.loads(capsys.readouterr().out)


def test_every_single_change_is_found_and_refused_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    n, each = len(KINDS), dict.fromkeys(("n", "found", "verified", "refused", "named"), 1)
    told = told_of(capsys, n, 2 * len(EVENTS), status=0)
    assert told["found"] == told["verified"] == told["n"] == n
    assert told["refused"] == n - len(ONLY_VERIFIED)
    assert told["only_verified"] == sorted(ONLY_VERIFIED)
    assert told["changes"] == {kind: {**each, "refused": int(kind not in ONLY_VERIFIED)} for kind in KINDS}
    events = {name: {"n": 2, "false_alarms": 0} for name in EVENTS}
    assert told["untouched"] == {"n": 2 * len(EVENTS), "false_alarms": 0, "events": events}
    assert told["speed"]["ok"]
    found, alarms, _ = tampered_goals([told])  # What the goals read of it.
    assert (found.value, alarms.value) == (f"{n} of {n}", "0")


def test_a_verification_that_overlooks_something_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.provenance.verification.named_differences", lambda now, was: [])
    told = told_of(capsys, len(KINDS), 2, status=1)
    assert told["verified"] == told["found"] < told["n"]
    assert told["refused"] == told["n"] - len(ONLY_VERIFIED)


def test_a_use_that_is_let_through_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.provenance.record.check_unrecorded", lambda folder: None)
    told = told_of(capsys, len(KINDS), 2, status=1)
    through = {kind for kind, row in told["changes"].items() if not row["found"]}
    # The levels file is opened by the hash that the manifest names, which was made to fit.
    assert through == {kind for kind in DELETED if "all histories" in kind and "weights" not in kind}
    assert told["verified"] == told["n"]


def test_an_alarm_where_nothing_was_wrong_is_told_by_what_had_happened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tampered(rng, root, dataset):
        (dataset.folder / "report.json").write_text("{}")
        return dataset.folder

    monkeypatch.setitem(EVENTS, "nothing", tampered)
    told = told_of(capsys, 0, 1, status=1)
    assert told["untouched"]["events"]["nothing"] == {"n": 1, "false_alarms": 1}
