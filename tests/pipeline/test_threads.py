import subprocess
import sys

CODE = "from pipeline.threads import wait_politely; wait_politely(); import torch, subprocess, sys; \
subprocess.run(['sh', '-c', 'echo $OMP_WAIT_POLICY'])"


def test_libraries_that_load_later_find_the_policy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "PASSIVE"
