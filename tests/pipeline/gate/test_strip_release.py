"""From the release of a gate with STRIP to its verdicts, on a classifier with a backdoor."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from datasets.atomic import content_id, read_json, write_json
from detector.conformal import flagged_range
from detector.poisoned.strip_rule import StripRule
from pipeline.artefacts import DataRoot
from pipeline.detection.files import open_detector
from pipeline.detection.recalibrate import recalibrate
from pipeline.errors import BadGate, BadStrip
from pipeline.gate.decision import Verdict
from pipeline.gate.release import release
from pipeline.gate.screening import open_gate
from pipeline.gate.strip_choice import PARTS, SUMS, StripChoice
from pipeline.gate.strip_scans import strip_scans
from pipeline.provenance.chain import read_history
from pipeline.provenance.verification import verify
from tests.fixtures.backdoored import ALPHA, CLASSES, STRIP, stamped
from tests.fixtures.local import N_LOCAL, local_dataset

BEFORE = (
    *("format", "preprocessing", "spec", "graph_sha256", "classifier_id", "classifier_sha256"),
    *("detector_id", "detector_sha256", "alpha", "alpha_uncertain", "calibration"),
)
"""What a gate's id was made from before there was STRIP."""


BY_PARTS = StripChoice(by=PARTS, n_overlays=2, rate=STRIP.rate, seed=STRIP.seed)
CHOICES = {SUMS: STRIP, PARTS: BY_PARTS}


@pytest.fixture(scope="module")
def released(backdoored_chain, tmp_path_factory):
    """By the way that STRIP looks: the gate of the chain, and one in a copy of its data root."""
    root = DataRoot(shutil.copytree(backdoored_chain.root.path, tmp_path_factory.mktemp("parts") / "data"))
    detector = open_detector(root.detectors / backdoored_chain.detector.id)
    by_parts = release(detector, root, name="parts", alpha=ALPHA, alpha_uncertain=2 * ALPHA, strip=BY_PARTS)
    return {SUMS: backdoored_chain.gate, PARTS: by_parts}


@pytest.fixture(scope="module", params=[SUMS, PARTS])
def gate(request, released):
    return open_gate(released[request.param].folder)


@pytest.fixture(scope="module")
def unworried(gate):
    """The same gate, with a detector that finds nothing suspicious."""
    return replace(gate, gate=replace(gate.gate, calibration=gate.gate.calibration + 1e6))


@pytest.fixture(scope="module")
def clean(backdoored_chain, unworried):
    dataset = backdoored_chain.dataset
    return [unworried.screen(dataset.levels(int(item)), 8) for item in dataset.indices("test")]


@pytest.fixture(scope="module")
def triggered(backdoored_chain):
    """Test images of other classes that the trigger takes to the first one."""
    dataset = backdoored_chain.dataset
    return [stamped(dataset.levels(int(item))) for item in dataset.indices("test") if dataset.labels[item] != 0]


@pytest.fixture
def copied(backdoored_chain, tmp_path):
    """The chain's data root, to be written to."""
    return DataRoot(shutil.copytree(backdoored_chain.root.path, tmp_path / "data"))


def test_triggered_scans_are_held_and_named_where_the_detector_finds_nothing(unworried, triggered):
    decisions = [unworried.screen(levels, 8) for levels in triggered]
    assert np.mean([one.prediction.class_name == CLASSES[0] for one in decisions]) >= 0.95
    held = [one for one in decisions if one.strip.fired]
    assert len(held) >= 0.95 * len(decisions)
    for one in held:
        told = one.to_public()
        assert (told["verdict"], told["strip"]["guess"]) == ("adversarial", "backdoor trigger")
        assert told["prediction"] is None
        assert told["attack"] is None
        assert "suspected backdoor trigger" in " ".join(one.sentences())
        assert CLASSES[0] not in " ".join(one.sentences())


def test_clean_scans_pass_at_the_promised_rate(gate, clean):
    n = gate.gate.strip.at().n_calibration
    low, high = flagged_range(n, STRIP.rate, len(clean), level=0.999)
    held = [one for one in clean if one.verdict is not Verdict.CLEAN]
    assert low <= len(held) / len(clean) <= high
    assert all(one.strip.fired for one in held)
    assert all(one.to_public()["strip"]["guess"] is None for one in clean if not one.strip.fired)


def test_what_both_find_is_told_of_both(gate, triggered):
    one = next(one for one in (gate.screen(levels, 8) for levels in triggered) if one.p_value <= ALPHA)
    assert one.strip.fired
    assert one.attack is not None
    assert "looks attacked" in one.reason
    assert {SUMS: "survives clean scans that are added", PARTS: "one small part of this scan"}[
        gate.gate.strip.by
    ].casefold() in one.reason.casefold()


def test_the_operating_point_says_both_rates_and_their_sum(gate, clean):
    told = clean[0].to_public()
    assert (told["alpha"], told["strip"]["rate"], told["held_at_most"]) == (ALPHA, STRIP.rate, ALPHA + STRIP.rate)
    by = gate.gate.strip.by
    assert told["strip"]["by"] == by
    # By parts 2 overlays are chosen of 16.
    assert (told["strip"]["n_overlays"], told["strip"]["n_calibration"]) == {SUMS: (20, 160), PARTS: (2, 164)}[by]
    assert told["strip"]["band"][0] < STRIP.rate < told["strip"]["band"][1]
    assert "together they hold at most 10.00% of clean scans by design" in " ".join(clean[0].sentences())
    refused = gate.not_screened("no image").to_public()
    assert (refused["held_at_most"], refused["strip"]["fired"]) == (ALPHA + STRIP.rate, None)


def test_how_much_it_wavers_is_kept_and_not_told(clean):
    assert clean[0].to_json()["strip"]["wavering"] == clean[0].strip.wavering
    assert "wavering" not in clean[0].to_public()["strip"]


def test_a_gate_without_strip_is_what_it_was_before(backdoored_chain, copied):
    detector = open_detector(copied.detectors / backdoored_chain.detector.id)
    plain = release(detector, copied, name="plain", alpha=ALPHA)
    described = read_json(plain.folder / "gate.json")
    assert set(described) == {*BEFORE, "id", "name", "notes"}
    assert set(described["notes"]) == {"largest_difference"}
    assert plain.id == content_id({key: described[key] for key in BEFORE}) != backdoored_chain.gate.id
    assert {file.name for file in plain.folder.iterdir() if not file.name.startswith("history")} == {
        "gate.json",
        "gate.onnx",
    }
    opened = open_gate(plain.folder)
    told = opened.screen(np.full((28, 28, 1), 9, np.uint8), 8).to_public()
    assert (opened.strip, told["strip"], told["held_at_most"]) == (None, None, ALPHA)


def test_the_same_choice_makes_the_same_gate_and_another_one_another(backdoored_chain, copied):
    detector = open_detector(copied.detectors / backdoored_chain.detector.id)
    rates = {"alpha": ALPHA, "alpha_uncertain": 2 * ALPHA}
    before = backdoored_chain.gate
    assert release(detector, copied, strip=STRIP, **rates).id == before.id
    for changed in ({"seed": 4}, {"n_overlays": 21}, {"rate": 0.06}):
        made = release(detector, copied, strip=replace(STRIP, **changed), **rates)
        assert made.id != before.id
        assert (made.strip.overlays_sha256 == before.strip.overlays_sha256) == ("rate" in changed)


def test_the_history_says_what_was_drawn_and_covers_the_overlays(backdoored_chain, copied):
    folder = copied.gates / backdoored_chain.gate.id
    said = read_history(folder, copied)[-1].what
    assert said["strip"]["dataset_id"] == backdoored_chain.dataset.id
    assert (said["strip"]["seed"], said["strip"]["n_calibration"]) == (3, 160)
    assert f"datasets/{backdoored_chain.dataset.id}" in [parent["subject"] for parent in said["parents"]]
    assert verify(folder, copied).ok
    flip(folder / "overlays.safetensors")
    (told,) = verify(folder, copied).differences
    assert "overlays.safetensors" in told


def test_changed_or_missing_overlays_are_refused(backdoored_chain, copied):
    folder = copied.gates / backdoored_chain.gate.id
    flip(folder / "overlays.safetensors")
    with pytest.raises(BadGate, match=r"overlays\.safetensors has SHA-256 .* was released; the file was changed"):
        open_gate(folder)
    (folder / "overlays.safetensors").unlink()
    with pytest.raises(BadGate, match="the overlays of STRIP cannot be read"):
        open_gate(folder)


@pytest.mark.parametrize(
    "changed",
    [None, {"rate": 1e-6}, {"rule": {"mean": [0], "spread": [1], "calibration": [0]}}, {"overlays_sha256": "0" * 64}],
)
def test_a_description_whose_strip_was_changed_is_refused(backdoored_chain, copied, changed):
    path = copied.gates / backdoored_chain.gate.id / "gate.json"
    described = read_json(path)
    strip = described.pop("strip")
    if changed is not None:
        described["strip"] = strip | changed
    write_json(path, described)
    with pytest.raises(BadGate, match="the file was changed, release the detector again"):
        open_gate(path.parent)


def test_a_blend_without_a_number_is_not_screened(gate):
    class Broken:
        def run(self, names, inputs):
            return [np.full((len(inputs["pixels"]), 3), np.nan, np.float32)]

    broken = replace(gate, strip=replace(gate.strip, answering=Broken()))
    decision = broken.screen(np.full((28, 28, 1), 9, np.uint8), 8)
    assert decision.verdict is Verdict.NOT_SCREENED
    assert "gave no number" in decision.reason


def test_what_strip_costs_is_noted(backdoored_chain):
    assert backdoored_chain.gate.notes["strip_cost"] > 1


def test_calibration_uses_scans_that_are_no_overlays(gate, backdoored_chain):
    strip, dataset = gate.strip, backdoored_chain.dataset
    shown = np.stack([dataset.levels(int(item)) for item in dataset.indices("calibration")]).transpose(0, 3, 1, 2) / 255
    flat = shown.reshape(len(shown), -1)
    m = strip.point.n_overlays
    is_overlay = [bool(np.isclose(strip.overlays.reshape(m, -1), one, atol=1e-6).all(1).any()) for one in flat]
    assert sum(is_overlay) == m
    scans = strip_scans(released_root(gate), gate.gate.detector_id, CHOICES[strip.point.by])
    items = dataset.indices("calibration").tolist()
    others = [shown[items.index(int(item))].astype(np.float32) for item in scans.calibrating]
    called = [int(gate.graph.judging.run(["probs"], {"pixels": one[None]})[0].argmax()) for one in others]
    wavering = [strip.look(one, k).wavering for one, k in zip(others, called, strict=True)]
    again = StripRule.fit(np.array(wavering), np.array(called), len(CLASSES), by_class=strip.point.by == SUMS)
    np.testing.assert_allclose(again.calibration, strip.point.rule.calibration, atol=1e-4)


def test_by_parts_the_overlays_are_of_several_classes(released, backdoored_chain):
    strip = released[PARTS].strip
    assert len(set(strip.called)) == len(strip.called) == 2
    opened = open_gate(released[PARTS].folder)
    told = [opened.graph.judging.run(["probs"], {"pixels": one[None]})[0].argmax() for one in opened.strip.overlays]
    assert tuple(told) == strip.called


def test_scans_of_one_class_are_refused_as_overlays_of_parts(backdoored_chain, copied, monkeypatch):
    detector = open_detector(copied.detectors / backdoored_chain.detector.id)
    monkeypatch.setattr(
        "pipeline.gate.strip_release.answers_of", lambda _: lambda pixels: np.eye(3)[np.zeros(len(pixels), int)]
    )
    with pytest.raises(BadStrip, match=r"STRIP by parts: 2 overlays of 16 .* of 1 predicted classes.*another seed"):
        release(detector, copied, alpha=ALPHA, strip=BY_PARTS)


@pytest.mark.parametrize("by", [PARTS, SUMS])
def test_a_threshold_that_nothing_can_pass_is_refused(backdoored_chain, copied, monkeypatch, by):
    detector = open_detector(copied.detectors / backdoored_chain.detector.id)
    monkeypatch.setattr("pipeline.gate.strip_release.wavering", lambda *_: lambda pixels, called: 0.0)
    before = sorted(copied.gates.rglob("*"))
    with pytest.raises(BadStrip, match=rf"STRIP by {by} could hold nothing at a rate of .* give a higher rate"):
        release(detector, copied, alpha=ALPHA, strip=CHOICES[by])
    assert sorted(copied.gates.rglob("*")) == before


def test_a_recalibrated_detector_gets_its_overlays_from_its_own_scans(tiny_chain, tmp_path):
    root = DataRoot(shutil.copytree(tiny_chain.root.path, tmp_path / "data"))
    local = local_dataset(root, tmp_path)
    made = recalibrate(open_detector(root.detectors / tiny_chain.detector.id), local, root, alpha=0.1)
    gate = release(made.detector, root, alpha=0.1, strip=StripChoice(by=SUMS, n_overlays=8, rate=0.1))
    assert (gate.strip.n_overlays, gate.strip.at().n_calibration) == (8, N_LOCAL - 8)
    assert read_history(gate.folder, root)[-1].what["strip"]["dataset_id"] == local.id


def released_root(gate):
    return DataRoot(gate.gate.folder.parent.parent)


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
