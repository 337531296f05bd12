import shutil

import numpy as np
import pytest

from datasets.atomic import read_json, write_json
from pipeline.artefacts import DataRoot
from pipeline.errors import BadStrip, NotEnoughClean, UnknownArtefact
from pipeline.gate.strip_choice import PARTS, SUMS, StripChoice
from pipeline.gate.strip_scans import strip_preset, strip_scans


def drawn(chain, **choice):
    return strip_scans(
        chain.root, chain.detector.id, StripChoice(**{"by": SUMS, "n_overlays": 20, "rate": 0.05, **choice})
    )


def test_overlays_are_calibration_scans_and_none_of_them_calibrates(backdoored_chain):
    scans = drawn(backdoored_chain)
    whole = backdoored_chain.dataset.indices("calibration").tolist()
    assert len(scans.overlays) == len(set(scans.overlays.tolist())) == 20
    assert sorted([*scans.overlays.tolist(), *scans.calibrating.tolist()]) == whole


def test_by_parts_more_are_drawn_to_choose_from(backdoored_chain):
    scans = drawn(backdoored_chain, by=PARTS, n_overlays=3)
    assert (len(scans.overlays), len(scans.calibrating)) == (24, 156)


def test_the_seed_alone_draws_them(backdoored_chain):
    first, again, other = (drawn(backdoored_chain, seed=seed).overlays.tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_a_look_alike_of_an_overlay_does_not_calibrate(backdoored_chain, monkeypatch):
    groups = backdoored_chain.dataset.groups.copy()
    taken, twin = drawn(backdoored_chain).overlays[0], drawn(backdoored_chain).calibrating[0]
    groups[twin] = groups[taken]
    monkeypatch.setattr("datasets.store.Dataset.groups", groups)
    scans = drawn(backdoored_chain)
    assert twin not in scans.calibrating
    assert len(scans.calibrating) == 159


def test_as_many_overlays_as_scans_are_refused(backdoored_chain):
    with pytest.raises(BadStrip, match="180 of 180 clean calibration images for overlays; expected fewer"):
        drawn(backdoored_chain, n_overlays=180)


def test_a_rate_that_the_others_cannot_support_is_refused_with_one_that_they_do(backdoored_chain):
    says = r"STRIP, with 20 of the calibration images for overlays: 160 clean .* of 0.01 .*choose 0.02 .*fewer overlays"
    with pytest.raises(NotEnoughClean, match=says) as e:
        drawn(backdoored_chain, rate=0.01)
    assert e.value.supported_alpha == 0.02


def test_scans_that_are_gone_or_others_are_refused(backdoored_chain, tmp_path):
    root = DataRoot(shutil.copytree(backdoored_chain.root.path, tmp_path / "data"))
    path = root.detectors / backdoored_chain.detector.id / "detector.json"
    described = read_json(path)
    choice = StripChoice(by=SUMS, n_overlays=20, rate=0.05)
    write_json(path, {**described, "calibration": described["calibration"][:100]})
    with pytest.raises(BadStrip, match=r"has 180 scans to calibrate on, .* was calibrated on 100"):
        strip_scans(root, backdoored_chain.detector.id, choice)
    shutil.rmtree(root.datasets / backdoored_chain.dataset.id)
    with pytest.raises(BadStrip, match="is not here, and STRIP takes its overlays from there"):
        strip_scans(root, backdoored_chain.detector.id, choice)
    with pytest.raises(UnknownArtefact):
        strip_scans(root, "none", choice)


def test_overlays_are_not_drawn_from_what_was_learned(backdoored_chain):
    scans = drawn(backdoored_chain)
    splits = {backdoored_chain.dataset.items[int(item)].split for item in np.r_[scans.overlays, scans.calibrating]}
    assert splits == {"calibration"}


def test_the_preset_can_be_had(backdoored_chain):
    preset = strip_preset(backdoored_chain.root, backdoored_chain.detector.id)
    assert (preset.by, preset.n_overlays, preset.rate) == (PARTS, 4, 0.05)
    assert len(strip_scans(backdoored_chain.root, backdoored_chain.detector.id, preset).overlays) == 32


@pytest.mark.parametrize(("n", "n_overlays", "rate"), [(70, 4, 0.1), (45, 3, 0.2), (35, 2, 0.2), (20, None, None)])
def test_few_scans_get_fewer_overlays_in_the_preset(backdoored_chain, monkeypatch, n, n_overlays, rate):
    calibration = backdoored_chain.dataset.indices("calibration")[:n]
    monkeypatch.setattr(
        "pipeline.gate.strip_scans._calibration", lambda root, origin: (backdoored_chain.dataset, calibration)
    )
    preset = strip_preset(backdoored_chain.root, backdoored_chain.detector.id)
    assert (preset and (preset.n_overlays, preset.rate)) == (n_overlays and (n_overlays, rate))
