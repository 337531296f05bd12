import subprocess
import sys

import numpy as np
import pytest

from datasets.errors import DatasetError
from datasets.simulated import template as module
from datasets.simulated.template import load_template

CORPUS_CALLOSUM = (0.0, 24.0, 10.0)
THALAMUS = (10.0, -18.0, 8.0)


def test_white_and_grey_matter_lie_where_anatomy_puts_them(template):
    grey, white = template.tissue(np.array([CORPUS_CALLOSUM, THALAMUS], dtype=np.float32))
    assert white[0] > 0.8 > grey[0]
    assert grey[1] > 0.5


def test_left_and_right_are_not_swapped_with_front_and_back(template):
    ends = np.array([(0, 80, 0), (0, -112, 0), (78, -20, 0), (-78, -20, 0)], dtype=np.float32)
    assert (np.abs(template.distance(ends)) < 15).all()
    assert (template.distance(ends) > 0).all()


def test_distance_is_negative_inside_and_grows_by_a_millimetre_a_millimetre(template):
    upwards = np.array([(0, -20, 90 + step) for step in range(20)], dtype=np.float32)
    np.testing.assert_allclose(np.diff(template.distance(upwards)), 1, atol=0.1)
    assert template.distance(np.array([THALAMUS], dtype=np.float32))[0] < -20


def test_beyond_the_template_there_is_no_tissue(template):
    grey, white = template.tissue(np.array([(500.0, 0.0, 0.0)], dtype=np.float32))
    assert grey[0] == white[0] == 0


def test_is_read_once():
    assert load_template() is load_template()


def test_a_missing_nilearn_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"nilearn, which is not installed: run `make install`"):
        load_template.__wrapped__()


def test_a_nilearn_without_the_maps_is_named_with_the_way_out(monkeypatch):
    other = module.find_spec("numpy")
    monkeypatch.setattr(module, "find_spec", lambda name: other)
    with pytest.raises(DatasetError, match=r"mni_icbm152_t1_\S+ is not in the installed nilearn: run `make install`"):
        load_template.__wrapped__()


def test_simulation_imports_neither_torch_nor_nilearn():
    code = "import sys, datasets.simulated.simulate; print({'torch', 'nilearn'} & set(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "set()"
