import subprocess
import sys
from pathlib import Path

from pipeline.models.torchvision_door import torchvision_models

_ROOT = Path(__file__).resolve().parents[3]
_FRESH = """
import sys
import pipeline.models.registry
assert "torchvision" not in sys.modules, "imported before it was asked for"
from pipeline.models.torchvision_door import torchvision_models
assert torchvision_models() is torchvision_models()
assert torchvision_models().resnet18 is not None
"""


def test_opens_in_a_fresh_process_and_only_when_asked():
    done = subprocess.run([sys.executable, "-c", _FRESH], cwd=_ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_opens_as_often_as_one_likes():
    assert torchvision_models() is torchvision_models()
