"""Guards the house itself: where things lie, who imports whom, and how long things may get."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import datasets

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("datasets", "detector", "pipeline", "webapp")
MODULES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
)
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "misc", "common"}
MAX_FILE_LINES = 250
MAX_FUNCTION_LINES = 50


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_our_datasets_package_is_the_one_that_is_imported() -> None:
    assert Path(datasets.__file__).is_relative_to(ROOT)


def test_constraints_keep_the_other_datasets_away() -> None:
    assert "datasets<0" in (ROOT / "constraints.txt").read_text().splitlines()


def test_the_application_is_run_from_its_tree() -> None:
    assert "build-system" not in tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", [*PACKAGES, "templates", "static", "tests", "docs"])
def test_the_rooms_are_there(name: str) -> None:
    assert (ROOT / name).is_dir()


def test_imports_run_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_nothing_imports_the_door() -> None:
    assert not [relative(path) for path in MODULES if re.search(r"^\s*(import|from) wsgi\b", path.read_text(), re.M)]


def test_every_tests_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert not [relative(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_no_room_for_odds_and_ends() -> None:
    assert not [relative(path) for path in MODULES if FORBIDDEN_NAMES & set(path.stem.split("_"))]


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION_LINES, f"{node.name} is too long"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_only_the_settings_read_the_environment() -> None:
    readers = [
        relative(path) for path in MODULES if re.search(r"\bos\.(environ(?!\.update\()|getenv)\b", path.read_text())
    ]
    assert set(readers) <= {"webapp/config.py"}


def test_pages_load_nothing_from_elsewhere_and_nothing_inline() -> None:
    bad = re.compile(r"""(src|href|action)\s*=\s*["']https?://|<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=""", re.I)
    assert not [relative(path) for path in TEMPLATES if bad.search(path.read_text())]


def test_no_template_switches_escaping_off() -> None:
    assert not [relative(path) for path in TEMPLATES if re.search(r"\|\s*safe\b", path.read_text())]


@pytest.mark.parametrize(
    "entry",
    ["datasets.importing", "pipeline.gate.screening", "pipeline.adversarial.plan", "wsgi"],
)
def test_what_serves_does_not_import_torch(entry: str, tmp_path: Path) -> None:
    code = f"import {entry}, sys; sys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"SCANGATE_DATA_ROOT": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr or f"{entry} imports torch"
