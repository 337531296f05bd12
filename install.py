"""Create .venv and install a requirements file into it; the Makefile calls this with the machine's own Python.

Standard library only: it runs before anything is installed.
"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
NEEDED = (3, 11)
FREE_GIB = 4
# What make looks at to know that an installation is whole; the development one holds the other.
STAMPS = {"requirements.txt": ["installed"], "requirements-dev.txt": ["installed", "installed-dev"]}
# What development takes besides, each package alone: what they ask for contradicts our own requirements.
ALONE = {"requirements-dev.txt": "requirements-peers.txt"}


def main(requirements: str) -> int:
    """Install `requirements`; give the exit status."""
    missing = what_is_missing()
    if missing:
        _say(f"Cannot install: {missing}")
        return 1
    python = VENV / "bin" / "python"
    # pip comes last: where it is missing, an earlier creation was cut off.
    if not (VENV / "bin" / "pip").exists():
        _say(f"Creating {VENV.name} with Python {sys.version.split()[0]} ...")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)  # noqa: S603 - our own arguments
    started = time.monotonic()
    _say(f"Installing {requirements} (PyTorch is among it: some minutes the first time) ...")
    status = _pip_install(python, requirements)
    if not status and requirements in ALONE:
        status = _pip_install(python, ALONE[requirements], "--no-deps")
    if status:
        _say("The installation failed: pip's message above says why. Is the package index reachable from here?")
        return status
    for stamp in STAMPS[requirements]:
        (VENV / stamp).touch()
    _say(f"Installed in {time.monotonic() - started:.0f} s.")
    return 0


def what_is_missing() -> str | None:
    """What this machine lacks for an installation, as a sentence; None when nothing."""
    if sys.version_info < NEEDED:
        found = ".".join(map(str, sys.version_info[:3]))
        return f"Python {found} is too old, 3.11 or newer is needed. Name another one: make PYTHON=/path/to/python3.11"
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        return "this Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"
    if not os.access(ROOT, os.W_OK):
        return f"{ROOT} is not writable."
    disk = os.statvfs(ROOT)
    free = disk.f_bavail * disk.f_frsize / 2**30
    if free < FREE_GIB and not VENV.exists():
        return f"{free:.1f} GiB are free in {ROOT}, about {FREE_GIB} are needed."
    return None


def _pip_install(python: Path, requirements: str, *options: str) -> int:
    command = [str(python), "-m", "pip", "install", "-r", requirements, "-c", "constraints.txt", "--no-input", "-q"]
    # pip's own progress bars show only where somebody can see them.
    command += ["--disable-pip-version-check", "--progress-bar", "on" if sys.stdout.isatty() else "off", *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - our own arguments


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
