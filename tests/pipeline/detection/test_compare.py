import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from detector.interface import Seen
from detector.squeezing import Squeezing
from pipeline.detection.compare import ComparisonSettings, compare_detectors
from pipeline.detection.controls import STANDARD_CONTROLS
from pipeline.detection.cost import measure_cost
from pipeline.detection.evaluate import evaluate_detector
from pipeline.detection.evidence import clean_scans
from pipeline.detection.lessons import choose_lessons
from pipeline.detection.network import pixel_batches
from pipeline.detection.seen import measure_scans, show
from pipeline.errors import BadDetector, NotEnoughClean
from pipeline.models.files import load_model

ALPHA = 0.1
SETTINGS = ComparisonSettings(alpha=ALPHA, n_controlled=8)


def compare(chain, settings=SETTINGS, **changes):
    given = {"detectors": [chain.detector], "dataset": chain.dataset, "classifier": chain.classifier} | changes
    return compare_detectors(
        given["detectors"], chain.adversarial_set, given["dataset"], given["classifier"], settings, progress=checked
    )


def checked(done, total, what):
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def comparison(tiny_chain):
    return compare(tiny_chain)


def test_every_method_is_judged_on_the_same_scans(comparison):
    assert len(comparison.methods) == 6
    assert len({tuple((cell.attack, cell.eps, cell.n) for cell in method.cells) for method in comparison.methods}) == 1
    for method in comparison.methods:
        assert [row.name for row in method.controls] == list(STANDARD_CONTROLS)
        assert all(row.n == 8 for row in method.controls)
        assert method.ms > 0
        assert method.source
    assert comparison.shown_ms > 0


def test_the_fused_detector_does_as_its_own_evaluation_says(comparison, tiny_chain):
    alone = evaluate_detector(
        tiny_chain.detector, tiny_chain.adversarial_set, tiny_chain.dataset, tiny_chain.classifier, alpha=ALPHA
    )
    fused = next(method for method in comparison.methods if method.name == "fused")
    assert fused.clean_alarms == alone.clean_alarms
    assert comparison.flagged_range == alone.flagged_range
    ours = {(cell.attack, cell.eps): (cell.n, cell.auroc.value, cell.found) for cell in fused.cells}
    theirs = {(cell.attack, cell.eps): (cell.n, cell.auroc.value, cell.found) for cell in alone.cells if cell.n > 0}
    assert ours.keys() == theirs.keys()
    for cell, (n, auroc, found) in theirs.items():
        assert ours[cell][0] == n
        assert ours[cell][1] == pytest.approx(auroc)
        assert ours[cell][2] == found


def test_fewer_scans_can_be_asked_for(tiny_chain):
    settings = ComparisonSettings(alpha=0.2, n_clean=40, n_attacked=3, n_controlled=2)
    report = compare(tiny_chain, settings)
    assert report.n_calibration == 40
    assert report.n_clean == min(40, len(tiny_chain.dataset.indices("test")))
    assert report.learned_from["clean"] == 40
    assert report.learned_from["attacked"] <= 6
    assert all(cell.n <= 3 for cell in report.methods[0].cells)


def test_two_trained_detectors_stand_side_by_side_under_their_ids(tiny_chain):
    other = replace(tiny_chain.detector, id="0123456789abcdef")
    report = compare(
        tiny_chain, replace(SETTINGS, n_attacked=2, n_controlled=1), detectors=[tiny_chain.detector, other]
    )
    names = [method.name for method in report.methods]
    assert len(names) == 8
    assert "fused of 0123456789abcdef" in names
    by_name = {method.name: method for method in report.methods}
    assert by_name["fused of 0123456789abcdef"].cells == by_name[f"fused of {tiny_chain.detector.id}"].cells


def test_without_a_successful_attack_there_is_no_area_against_the_controls(comparison):
    unknown = [replace(row, auroc_attacked=float("nan")) for row in comparison.methods[0].controls]
    bare = replace(comparison, methods=(replace(comparison.methods[0], cells=(), controls=tuple(unknown)),))
    (method,) = json.loads(json.dumps(bare.to_json(), allow_nan=False))["methods"]
    assert {row["auroc_attacked"] for row in method["controls"]} == {None}


def test_the_report_is_json_and_tables_of_one_column_a_method(comparison):
    values = json.loads(json.dumps(comparison.to_json(), allow_nan=False))
    assert [method["name"] for method in values["methods"]] == [method.name for method in comparison.methods]
    text = comparison.to_markdown()
    for method in comparison.methods:
        assert method.name in text
        assert method.source in text
    tables = [line for line in text.splitlines() if line.startswith("| AUROC") or line.startswith("| clean scans")]
    assert [line.count(" | ") for line in tables] == [8, 7]


def test_what_does_not_belong_together_is_refused(tiny_chain):
    with pytest.raises(BadDetector, match=r"belongs to classifier .*, 0123456789abcdef was given"):
        compare(tiny_chain, classifier=replace(tiny_chain.classifier, id="0123456789abcdef"))
    with pytest.raises(BadDetector, match="no detector is named"):
        compare(tiny_chain, detectors=[])
    with pytest.raises(BadDetector, match="no scans in the split 'dropped'"):
        compare(tiny_chain, replace(SETTINGS, split="dropped"))


def test_a_rate_that_the_calibration_scans_cannot_support_is_refused(tiny_chain):
    with pytest.raises(NotEnoughClean, match=r"cannot support a false-alarm rate of 0\.001"):
        compare(tiny_chain, replace(SETTINGS, alpha=0.001))


@pytest.mark.parametrize("name", ["n_clean", "n_attacked", "n_controlled"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(BadDetector, match=f"{name} 0; give at least 1"):
        ComparisonSettings(**{name: 0})


def lessons_of(chain, **changes):
    given = {"n_clean": None, "n_attacked": None, "seed": 0} | changes
    return choose_lessons(chain.dataset, chain.adversarial_set.rows(), **given)


def test_lessons_are_of_the_detector_split_and_hold_successful_attacks_alone(tiny_chain):
    lessons = lessons_of(tiny_chain)
    items = tiny_chain.dataset.indices("detector")
    assert sorted(lessons.clean.tolist()) == sorted(items.tolist())
    assert set(lessons.rows.status[lessons.attacked]) == {"success"}
    assert np.isin(lessons.rows.parent[lessons.attacked], items).all()
    assert lessons.n == sum(lessons.counts().values()) == len(list(lessons.scans()))


def test_an_attacked_scan_lies_in_the_fold_of_its_parent(tiny_chain):
    lessons = lessons_of(tiny_chain, n_clean=30)
    examples = lessons.examples((torch.zeros(lessons.n, 1),))
    of_clean = dict(zip(lessons.clean.tolist(), examples.fold[examples.is_clean].tolist(), strict=True))
    parents = lessons.rows.parent[lessons.attacked].tolist()
    for parent, fold in zip(parents, examples.fold[examples.is_adv].tolist(), strict=True):
        assert of_clean.get(parent, fold) == fold
    assert int((~examples.is_adv & ~examples.is_clean).sum()) == 30


def test_lessons_are_drawn_by_the_seed_alone(tiny_chain):
    first, again, other = (lessons_of(tiny_chain, n_clean=10, n_attacked=2, seed=seed) for seed in (1, 1, 2))
    for (ours, _), (theirs, _) in zip(first.scans(), again.scans(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert first.clean.tolist() != other.clean.tolist()


def test_a_split_without_attacks_teaches_nothing(tiny_chain):
    rows = tiny_chain.adversarial_set.rows()
    failed = replace(rows, status=np.full(len(rows), "failed"))
    with pytest.raises(BadDetector, match="0 successful attacks in the split 'detector'"):
        choose_lessons(tiny_chain.dataset, failed, n_clean=None, n_attacked=None, seed=0)


def test_scans_are_measured_alike_in_batches_and_alone(tiny_chain):
    model = load_model(tiny_chain.classifier)
    items = tiny_chain.dataset.indices("detector")[:35]
    methods = {"squeezing": Squeezing()}
    scans = list(clean_scans(tiny_chain.dataset, items))
    at_once = measure_scans(methods, model, scans, n=35, what="scans", progress=checked)["squeezing"][0]
    one_by_one = [
        measure_scans(methods, model, [scan], n=1, what="scan", progress=checked)["squeezing"][0] for scan in scans
    ]
    torch.testing.assert_close(at_once, torch.cat(one_by_one), rtol=1e-4, atol=1e-5)


class Slow(Squeezing):
    """Takes one pass of the classifier more than its parent."""

    def _measure(self, seen: Seen):
        for _ in range(20):
            seen.ask(seen.pixels)
        return super()._measure(seen)


def test_what_takes_longer_costs_more_and_threads_are_given_back(tiny_chain):
    model = load_model(tiny_chain.classifier)
    scans = clean_scans(tiny_chain.dataset, tiny_chain.dataset.indices("test")[:12])
    pixels = [batch for scan in scans for batch in pixel_batches([scan], model.spec)]
    quick, slow = Squeezing(), Slow()
    for method in (quick, slow):
        method.judge = type(quick)._learn(quick, None)
    before = torch.get_num_threads()
    cost = measure_cost({"quick": quick, "slow": slow}, model, pixels, progress=checked)
    assert cost.methods_ms["slow"] > cost.methods_ms["quick"] > 0
    assert torch.get_num_threads() == before
    slow.judge = None
    with pytest.raises(ValueError, match="has not learned anything"):
        measure_cost({"slow": slow}, model, pixels, progress=checked)
    assert torch.get_num_threads() == before


def test_what_is_shown_is_what_the_classifier_says(tiny_chain):
    model = load_model(tiny_chain.classifier)
    pixels = torch.rand(2, model.spec.channels, model.spec.height, model.spec.width)
    seen = show(model, pixels)
    with torch.no_grad():
        torch.testing.assert_close(seen.ask(pixels), seen.logits)
        torch.testing.assert_close(seen.layers[-1], model.features_and_logits(pixels)[0])
