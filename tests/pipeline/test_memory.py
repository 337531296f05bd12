import subprocess
import sys

import pytest

from pipeline.memory import keep_freed_memory

CODE = """
import resource, sys
import numpy as np
from pipeline.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def faults():
    np.ones(16 * 2**20, np.float32)  # 64 MiB, more than glibc ever keeps by itself.
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
print(faults() - before)
"""


def _faults_of_a_second_batch(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=False)
    if done.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_second_batch_finds_the_pages_of_the_first():
    assert _faults_of_a_second_batch("kept") * 10 < _faults_of_a_second_batch("given back")


def test_a_c_library_without_the_setting_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    assert not keep_freed_memory()
