import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import BadStrip
from pipeline.gate.strip_choice import StripChoice


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"n_overlays": 0}, "0 overlays; give 1 to 1000"),
        ({"n_overlays": 1001}, "1001 overlays; give 1 to 1000"),
        ({"rate": 0.0}, r"rate of false rejects 0; give a share within \(0, 0.5\]"),
        ({"rate": 0.6}, "rate of false rejects 0.6"),
        ({"rate": float("nan")}, "rate of false rejects nan"),
        ({"seed": -1}, "seed -1 of the overlays; give 0 or more"),
    ],
)
def test_a_choice_out_of_range_is_refused(asked, says):
    with pytest.raises(BadStrip, match=says):
        StripChoice(**asked)


def test_reading_a_choice_loads_no_scipy():
    code = "import sys, pipeline.gate.strip_choice; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False).returncode == 0
