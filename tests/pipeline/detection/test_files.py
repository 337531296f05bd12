import shutil

import numpy as np
import pytest

from datasets.atomic import read_json, write_json
from pipeline.detection.files import load_detector, open_detector, save_detector
from pipeline.errors import BadDetector


@pytest.fixture
def copied(tiny_chain, tmp_path):
    folder = tmp_path / tiny_chain.detector.id
    shutil.copytree(tiny_chain.detector.folder, folder)
    return folder


def test_a_saved_detector_is_found_again_under_the_same_id(tiny_chain, tmp_path):
    detector = tiny_chain.detector
    again = save_detector(
        load_detector(detector), detector.calibration, tmp_path, name="again", classifier_id=detector.classifier_id
    )
    assert again.id == detector.id
    np.testing.assert_array_equal(open_detector(again.folder).calibration, detector.calibration)


def test_changed_weights_are_refused(copied):
    weights = bytearray((copied / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copied / "weights.safetensors").write_bytes(weights)
    with pytest.raises(BadDetector, match="the folder was changed"):
        open_detector(copied)


def test_a_changed_calibration_is_refused(copied):
    described = read_json(copied / "detector.json")
    write_json(copied / "detector.json", {**described, "calibration": [0.0]})
    with pytest.raises(BadDetector, match="the folder was changed"):
        open_detector(copied)


def test_a_folder_without_or_with_foreign_json_is_refused(copied):
    write_json(copied / "detector.json", {"format": 99})
    with pytest.raises(BadDetector, match="is not of format 4; train the detector again"):
        open_detector(copied)
    (copied / "detector.json").unlink()
    with pytest.raises(BadDetector, match="not a detector's folder"):
        open_detector(copied)


def test_a_calibration_score_that_is_no_number_is_refused(tiny_chain, tmp_path):
    fused = load_detector(tiny_chain.detector)
    with pytest.raises(BadDetector, match="calibration scores hold NaN"):
        save_detector(fused, np.array([0.0, np.nan]), tmp_path, name="x", classifier_id="y")
