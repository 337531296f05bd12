"""The whole protocol on one detector, on the command line."""

import json
from pathlib import Path

import pytest

from pipeline.artefacts import DataRoot
from pipeline.cli.main import main
from tests.fixtures.gate import TinyChain
from tests.fixtures.others import other_set, restamped


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
        (["--split", "elsewhere"], "UnknownItem", "elsewhere"),
        (["--split", "dropped"], "BadDetector", "split dropped: its scans are copies of others"),
        (["--split", "detector"], "BadDetector", "split detector: the detector learns from it"),
    ],
)
def test_what_cannot_be_judged_is_refused(tiny_chain: TinyChain, capsys, more, error, says) -> None:
    words = ["evaluate-detector", tiny_chain.detector.id, "--root", str(tiny_chain.root.path), "--json", "--quiet"]
    assert main([*words, *more]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error"] == error
    assert says in told["detail"]


def test_a_report_on_another_set_is_kept_beside_the_detectors_own(tiny_chain: TinyChain, root: Path, answer) -> None:
    data, id_, at = DataRoot(root), tiny_chain.detector.id, ("--alpha", "0.1", "--root", root)
    other = other_set(tiny_chain, data)
    restamped(other.folder, "7e15", classifier_id="c0ffee")
    _, own = answer("evaluate-detector", id_, *at)
    answer("evaluate-detector", id_, "--adversarial", other.id[:8], "--alpha", "0.2", "--root", root)
    status, found = answer("evaluate-detector", id_, "--adversarial", other.id[:8], *at)
    assert status == 0
    answer("evaluate-detector", id_, "--adversarial", "7e15", *at)
    kept = sorted(path.name for path in (root / "reports" / id_).iterdir())
    assert kept == sorted(["static.json", f"other-{other.id}.json", "other-7e15.json"])
    status, told = answer("report-detector", id_, "--root", root)
    assert (status, told["static"]) == (0, own)
    by_id = {one["adversarial_id"]: one for one in told["other_static"]}
    assert by_id[other.id] == {**found, "adversarial_name": "unseen"}
    assert {cell["attack"] for cell in found["cells"]} == {"bim", "fgsm"}
    assert by_id["7e15"]["sources"]["attacked_classifier_id"] == "c0ffee"


def test_on_scans_that_it_learned_from_no_report_is_made_or_kept(tiny_chain: TinyChain, root: Path, answer) -> None:
    other = other_set(tiny_chain, DataRoot(root), split="detector")
    more = ("--adversarial", other.id, "--split", "detector", "--alpha", "0.1", "--root", root)
    status, told = answer("evaluate-detector", tiny_chain.detector.id, *more)
    assert (status, told["error"]) == (1, "BadDetector")
    assert not list(root.glob("reports/*/*.json"))


def test_the_section_on_other_sets_is_printed(tiny_chain: TinyChain, root: Path, answer, capsys) -> None:
    other, at = other_set(tiny_chain, DataRoot(root)), ("--alpha", "0.1", "--root", root)
    answer("evaluate-detector", tiny_chain.detector.id, *at)
    assert main(["report-detector", tiny_chain.detector.id, "--root", str(root), "--quiet"]) == 0
    assert "On other adversarial sets" not in capsys.readouterr().out
    answer("evaluate-detector", tiny_chain.detector.id, "--adversarial", other.id, *at)
    assert main(["report-detector", tiny_chain.detector.id, "--root", str(root), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "## On other adversarial sets" in said
    assert f"unseen ({other.id}), made against the detector's own classifier." in said
    assert "Of its attacks the detector was never shown BIM. Never shown at that radius: FGSM, 8/255." in said
    assert "| attack | radius | n | AUROC | found | handed out |" in said
