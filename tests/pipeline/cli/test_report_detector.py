"""The report on a detector, on the command line: from what the other commands kept."""

import json

from pipeline.cli.main import main
from tests.fixtures.before import forget_all

QUICK = {"joint_pgd": {"steps": 4, "restarts": 1}}


def test_what_was_kept_becomes_a_report(tiny_chain, root, answer, tmp_path):
    id_, at = tiny_chain.detector.id, ("--root", root)
    status, told = answer("report-detector", id_, *at)
    assert (status, told["error"]) == (1, "NoReport")
    assert f"evaluate-detector {id_}" in told["detail"]
    _, static = answer("evaluate-detector", id_, "--alpha", "0.1", *at)
    status, told = answer("report-detector", id_, *at)
    assert (status, told["static"], told["adaptive"]) == (0, static, None)
    _, run = answer("attack-gate", id_, "--n", "2", "--radii", "24", "--grid", "24", "--attacks", "joint_pgd",
                    "--params", json.dumps(QUICK), "--alpha", "0.1", *at)  # fmt: skip
    files = tmp_path / "r.pdf", tmp_path / "r.json"
    status, told = answer("report-detector", id_, "--pdf", files[0], "--report", files[1], *at)
    assert (status, told["adaptive"]) == (0, run)
    assert json.loads(files[1].read_text()) == told
    assert files[0].read_bytes().startswith(b"%PDF-")
    assert files[0].read_bytes().count(b"/Subtype /Image") >= 3


def test_the_report_is_printed_as_tables(tiny_chain, root, capsys, answer):
    answer("evaluate-detector", tiny_chain.detector.id, "--alpha", "0.1", "--root", root)
    assert main(["report-detector", tiny_chain.detector.id, "--root", str(root), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "## Static and adaptive" in said
    assert "No adaptive attack has been measured" in said
    assert "| attack | eps | n | AUROC | found | at the strictest rate | at 5 % | handed out |" in said
    assert tiny_chain.adversarial_set.rows_sha256 in said


def test_other_ways_of_detecting_join_the_report_once_they_are_compared(tiny_chain, root, answer):
    id_, at = tiny_chain.detector.id, ("--root", root)
    answer("evaluate-detector", id_, "--alpha", "0.1", *at)
    few = ("--alpha", "0.2", "--clean", "40", "--attacked", "2", "--controlled", "1")
    _, compared = answer("compare-detectors", id_, *few, *at)
    _, told = answer("report-detector", id_, *at)
    assert told["comparison"] == compared


def test_an_unknown_detector_is_refused(root, answer):
    status, told = answer("report-detector", "none", "--root", root)
    assert (status, told["error"]) == (1, "UnknownArtefact")


def test_what_the_detector_was_not_shown_is_told_first(tiny_chain, root, answer):
    id_, at = tiny_chain.detector.id, ("--root", root)
    answer("evaluate-detector", id_, "--alpha", "0.1", *at)
    assert answer("report-detector", id_, *at)[1]["not_shown"] == {"leave_out": [], "only_eps": []}
    path = root / "detectors" / id_ / "detector.json"
    described = json.loads(path.read_text())
    described["notes"]["settings"]["leave_out"] = ["pgd"]
    path.write_text(json.dumps(described))
    forget_all(root)  # As of a detector that was made before histories were kept.
    assert answer("report-detector", id_, *at)[1]["not_shown"] == {"leave_out": ["pgd"], "only_eps": []}
