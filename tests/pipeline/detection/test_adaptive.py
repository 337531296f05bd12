"""The figures of a gate under adaptive attacks, on the tiny real chain."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from datasets.store import Dataset
from pipeline.cli.main import main
from pipeline.detection.adaptive import evaluate_adaptive
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.detection.adaptive_report import Price
from pipeline.errors import BadAttack, BadDetector, NotEnoughClean
from pipeline.models.files import load_model
from pipeline.models.prediction import predict

QUICK = {"steps": 12, "restarts": 1}
PLAN = AdaptivePlan(
    n=6,
    radii=(8, 24),
    grid=(8, 16, 24),
    attacks=("joint_pgd", "orthogonal_pgd", "feature_matching", "surrogate_transfer"),
    params=dict.fromkeys(("joint_pgd", "orthogonal_pgd", "feature_matching", "surrogate_transfer"), QUICK),
    guides=20,
)
ALPHA = 0.1


def evaluate(chain, work, plan=PLAN, **given):
    known = (chain.detector, chain.classifier)
    return evaluate_adaptive(known, chain.dataset, plan, work=work, alpha=ALPHA, **given)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    return tmp_path_factory.mktemp("adaptive")


@pytest.fixture(scope="module")
def report(tiny_chain, work):
    return evaluate(tiny_chain, work)


def test_the_best_of_all_is_no_less_than_any_attack_and_no_more_than_the_undefended_start(report):
    assert [row.level for row in report.rows] == [8, 24]
    for row in report.rows:
        of_level = [cell for cell in report.cells if cell.level == row.level]
        assert row.n == report.n_right
        assert max(cell.passed.value for cell in of_level) <= row.best.value <= row.undefended.value
        assert max(cell.wrong.value for cell in of_level) <= row.undefended.value
        assert row.best.low <= row.best.value <= row.best.high
    assert report.rows[0].best.value <= report.rows[1].best.value
    assert report.rows[1].undefended.value > 0


def test_attacks_that_ignore_the_gate_stand_beside_those_that_know_it(report):
    names = [cell.attack for cell in report.cells if cell.level == 24]
    assert names == [
        "pgd, ignoring the gate",
        "mim, ignoring the gate",
        "joint_pgd",
        "orthogonal_pgd",
        "feature_matching",
    ]


def test_curves_are_kept_for_every_scan_that_was_tried(report):
    for cell in report.cells:
        if "ignoring" in cell.attack:
            continue
        assert len(cell.curves) == cell.n_tried
        for curve in cell.curves.values():
            assert len(curve) >= 1
            assert curve == sorted(curve)


def test_what_cannot_be_tried_is_said(report):
    assert report.left_out == {"surrogate_transfer": "since no second detector was given"}
    assert "Not tried: surrogate_transfer, since no second detector was given." in report.to_markdown()


def test_only_scans_that_the_classifier_alone_loses_are_tried(report):
    by_level = {row.level: row for row in report.rows}
    for cell in report.cells:
        if "ignoring" not in cell.attack:
            assert cell.n_tried <= round(by_level[cell.level].undefended.value * report.n_right)


def test_the_radius_of_the_gate_is_never_below_that_of_the_classifier(report):
    grid = (*report.price.grid, np.inf)
    for alone, gate in zip(report.price.classifier, report.price.gate, strict=True):
        assert (np.inf if alone is None else alone) <= (np.inf if gate is None else gate)
        assert (np.inf if gate is None else gate) in grid


def test_json_holds_what_the_page_needs_and_is_json(report):
    values = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert values["price"]["said"] == report.price.said
    assert {"undefended", "unaware", "best"} <= set(values["rows"][0])
    assert "adaptive, best of all attacks" in report.to_markdown()


def test_a_surrogate_is_attacked_in_place_of_the_detector(tiny_chain, tmp_path):
    plan = replace(PLAN, attacks=("surrogate_transfer",), for_price=(), radii=(24,), grid=(24,))
    known = (tiny_chain.detector, tiny_chain.classifier)
    report = evaluate(tiny_chain, tmp_path, plan, surrogate=known)
    assert not report.left_out
    assert report.surrogate_id == tiny_chain.detector.id
    assert [cell.attack for cell in report.cells][-1] == "surrogate_transfer"


class Killed(Exception):
    """Stands for the end of the process."""


def test_killed_and_run_again_it_goes_on_where_it_stopped(tiny_chain, tmp_path, report):
    def kill(done, total, what):
        if what == "orthogonal_pgd, 8/255":
            raise Killed

    with pytest.raises(Killed):
        evaluate(tiny_chain, tmp_path, progress=kill)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert any(path.name.startswith("adaptive-joint_pgd") for path in done)
    said: list[str] = []
    again = evaluate(tiny_chain, tmp_path, progress=lambda done, total, what: said.append(what))
    assert again.to_json() == report.to_json()
    assert all(path.stat().st_mtime_ns == told for path, told in done.items())
    assert "joint_pgd, 8/255" not in said
    assert "orthogonal_pgd, 8/255" in said


def test_a_price_is_the_ratio_of_medians_and_says_when_it_is_only_a_bound():
    assert Price((1, 2, 4), (1, 1, 2), (2, 4, None)).factor == 4
    assert Price((1, 2, 4), (1, 1, 2), (None, None, 4)).factor is None
    assert Price((1, 2, 4), (1, 1, 2), (None, None, 4)).said == "more than 4 times: beyond 4/255, over 1/255"
    weak = Price((1, 2), (1, 1, 1), (1, 1, 1))
    assert weak.said == "1 times: 1/255, over 1/255 for the classifier alone", "no smaller radius was tried"
    halved = Price((1, 3, 8, 12), (3, 3, 3), (12, 12, 8))
    assert halved.said == (
        "4 times: 12/255, over 3/255 for the classifier alone; surely more than 2.7 times, 8/255 being the radius "
        "tried before"
    )
    assert "no price" in Price((1, 2), (None, None, 1), (None, None, None)).said


def test_a_detector_of_another_classifier_is_refused(tiny_chain, tmp_path):
    stranger = replace(tiny_chain.classifier, id="0123456789abcdef")
    with pytest.raises(BadDetector, match=r"belongs to classifier .*, 0123456789abcdef was given; give its own"):
        evaluate_adaptive((tiny_chain.detector, stranger), tiny_chain.dataset, PLAN, work=tmp_path)


def test_scans_that_are_all_wrong_are_refused(tiny_chain, tmp_path):
    dataset = tiny_chain.dataset
    model = load_model(tiny_chain.classifier)
    items = tuple(
        replace(item, label=1 - predict(model, dataset.levels(index), item.bits))
        for index, item in enumerate(dataset.items)
    )
    turned = Dataset(**{**vars(dataset), "items": items})
    plan = replace(PLAN, n=4, attacks=("joint_pgd",), for_price=())
    with pytest.raises(BadDetector, match="none of 4 scans of the split 'test' is classified right"):
        evaluate_adaptive((tiny_chain.detector, tiny_chain.classifier), turned, plan, work=tmp_path, alpha=ALPHA)


def test_a_rate_that_the_calibration_cannot_support_is_refused(tiny_chain, tmp_path):
    with pytest.raises(NotEnoughClean, match="cannot support a false-alarm rate of"):
        evaluate_adaptive(
            (tiny_chain.detector, tiny_chain.classifier), tiny_chain.dataset, PLAN, work=tmp_path, alpha=0.001
        )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n": 0}, "n 0; give a whole number"),
        ({"radii": ()}, r"radii \[\]; give numbers above 0"),
        ({"grid": (4, 2)}, r"grid \[4, 2\]; give each radius once, upwards"),
        ({"attacks": ("pgd",)}, "no adaptive attack 'pgd'; there are joint_pgd"),
        ({"attacks": ()}, "no attack; name some of"),
        ({"params": {"joint_pgd": {"colour": 1}}}, "joint_pgd has no parameter colour"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(values, message):
    with pytest.raises(BadAttack, match=message):
        AdaptivePlan(**values)


def test_the_command_writes_its_report_and_goes_on_from_its_notes(tiny_chain, tmp_path, capsys):
    root = shutil.copytree(tiny_chain.root.path, tmp_path / "data")
    params = json.dumps({"joint_pgd": QUICK})
    given = ["attack-gate", tiny_chain.detector.id, "--root", str(root), "--n", "3", "--radii", "24", "--grid", "24"]
    given += ["--attacks", "joint_pgd", "--params", params, "--alpha", "0.1", "--report", str(tmp_path / "gate")]
    assert main([*given, "--json", "--quiet"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((tmp_path / "gate.json").read_text())
    assert (tmp_path / "gate.md").read_text().startswith("3 scans of the split `test`")
    assert list((root / "work" / "attack-gate").glob("adaptive-joint_pgd-*.json"))


def test_the_command_refuses_parameters_that_are_no_json(capsys):
    with pytest.raises(SystemExit):
        main(["attack-gate", "x", "--params", "steps=4"])
    assert "is no JSON" in capsys.readouterr().err
