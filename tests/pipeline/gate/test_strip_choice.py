import subprocess
import sys
from pathlib import Path

import pytest

from detector.poisoned.parts import windows
from pipeline.errors import BadStrip
from pipeline.gate.strip_choice import WAYS, StripChoice

ROOT = Path(__file__).parents[3]
SAID_OF_PARTS = {
    ROOT / "webapp/forms/gates.py": "Each costs 49 more passes",
    ROOT / "webapp/api/gate_schemas.py": "each by parts 49",
    ROOT / "pipeline/gate/strip_choice.py": "part, 49",
}


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"by": "halves"}, "STRIP by 'halves'; give parts or sums"),
        ({"by": "sums", "n_overlays": 0}, "0 overlays, by sums; give 1 to 1000, for instance 64"),
        ({"by": "sums", "n_overlays": 1001}, "1001 overlays, by sums; give 1 to 1000"),
        ({"n_overlays": 1}, "1 overlays, by parts; give 2 to 20, for instance 4"),
        ({"n_overlays": 21}, "21 overlays, by parts; give 2 to 20"),
        ({"rate": 0.0}, r"rate of false rejects 0; give a share within \(0, 0.5\]"),
        ({"rate": 0.6}, "rate of false rejects 0.6"),
        ({"rate": float("nan")}, "rate of false rejects nan"),
        ({"seed": -1}, "seed -1 of the overlays; give 0 or more"),
    ],
)
def test_a_choice_out_of_range_is_refused(asked, says):
    with pytest.raises(BadStrip, match=says):
        StripChoice(**asked)


def test_each_way_has_its_usual_number_of_overlays():
    assert [StripChoice(by=by).m for by in WAYS] == [4, 64]
    assert [StripChoice(by=by).n_drawn for by in WAYS] == [32, 64]
    assert StripChoice(n_overlays=6).m == 6


def test_a_pass_for_every_part_is_what_is_said():
    assert len(windows(224, 224)) == len(windows(28, 28)) == 49
    assert all(word in Path(file).read_text() for file, word in SAID_OF_PARTS.items())


def test_reading_a_choice_loads_no_scipy():
    code = "import sys, pipeline.gate.strip_choice; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
