"""The page of the report on the detector: what stands beside the goals, and what is missing from it."""

import re
from pathlib import Path

import pytest

from benchmarks import detector_work
from benchmarks.detector_beside import pooled_beside
from benchmarks.detector_beside_page import attacked_page, beside_page
from benchmarks.detector_figures import Found
from benchmarks.detector_page import Told, caveats, write_page
from benchmarks.detector_stages import LEAVE_OUT, NEVER, STAGES, STATIC
from benchmarks.detector_work import SOURCES, sources_id
from tests.benchmarks.detector_notes import cell, interval, note, on_all, survivor


def test_the_page_says_what_is_missing():
    said = caveats(Found([note(STATIC, [])]), (0, 1), 24, "later", parts={})
    assert said[0].startswith("A try on at most 24 test scans")
    assert "Not run: `static` for seed 1." in said
    assert "Not run: `never-trained` for seed 0, 1." in said
    assert said[-1] == "Kept from an earlier state of the detector's code: static."
    whole = Found([note(stage, [], seed=seed) for stage in STAGES for seed in (0, 1)])
    assert caveats(whole, (0, 1), None, "now", parts={}) == []


def test_the_page_names_the_parts_of_a_stage_that_were_not_run():
    notes = [note(NEVER, [], what=what, seed=seed) for what, seed in (("ddn", 0), ("ddn", 1), ("art:ElasticNet", 1))]
    said = caveats(Found(notes), (), None, "now", parts={NEVER: ("ddn", "art:ElasticNet"), LEAVE_OUT: ("pgd",)})
    assert said == ["Not run: `never-trained` for seed 0 of art:ElasticNet."]


pytestmark = pytest.mark.usefixtures("few_resamples")


def told(page):
    return "\n".join(page)


def test_attacks_that_failed_are_told_over_all_seeds():
    page = told(attacked_page(Found([note(STATIC, on_all()), note(STATIC, on_all(), seed=1)])))
    assert "| fgsm 1/255 | 20 | 20 | 2 | 4 | 10.0% (1.2% to 31.7%) |" in page
    assert "| cw | 20 | 20 | 2 | 4 | 10.0% (1.2% to 31.7%) |" in page
    assert list(attacked_page(Found([]))) == list(beside_page(Found([]))) == []


def test_what_attacks_are_called_is_added_up_over_seeds():
    first, second = note(STATIC, on_all()), note(STATIC, on_all(), seed=1)
    second["report"]["confusion"]["bim"]["unknown"] = 3
    page = told(attacked_page(Found([first, second])))
    assert "| attack | called fgsm | called bim | called pgd | called mim | called cw | called unknown |" in page
    assert "| bim | 0 | 20 | 0 | 0 | 0 | 3 |" in page


def test_every_control_stands_on_the_page():
    page = told(beside_page(Found([note(STATIC, on_all()), note(STATIC, on_all(), seed=1)])))
    for line in (
        "| shuffled | fgsm | 1/255 | 20 | 0.7000 (0.7000 to 0.7000) | 90.0% (68.3% to 98.8%) | 10.0% (1.2% to 31.7%) |",
        "| scattered | cw | - | 20 | 0.7000 (0.7000 to 0.7000) | 90.0% (68.3% to 98.8%) | 10.0% (1.2% to 31.7%) |",
        "| fgsm | 1/255 | 20 | 80 | 1.0000 (1.0000 to 1.0000) | 1.0000 (1.0000 to 1.0000) | 100.0% (83.2% to 100.0%) |",
        "| png | 80 | 0.5000 (0.5000 to 0.5000) | 0.0% (0.0% to 4.5%) |",
        "| JPEG 90 | fgsm | 1/255 | 20 | 50.0% (27.2% to 72.8%) | 100.0% (69.2% to 100.0%) | 50.0% (27.2% to 72.8%) |",
        "| JPEG 75 | cw | - | 20 | 50.0% (27.2% to 72.8%) | 100.0% (69.2% to 100.0%) | 50.0% (27.2% to 72.8%) |",
    ):
        assert line in page
    assert "flagged: seed 0 2.5% (2.5% to 2.5%), seed 1 2.5% (2.5% to 2.5%)." in page


def test_what_shuffled_changes_say_of_the_detector_stands_before_their_table():
    one = note(STATIC, on_all())
    page = told(beside_page(Found([one])))
    words = (
        "Another scan's perturbation fools the classifier in 10.0% of the scans and is flagged in 90.0% all the same: "
    )
    assert f"{words}the detector sees an attack's texture, not its success." in page
    assert page.index(words) < page.index("| shuffled |") < page.index("| scattered |")
    assert page.count("texture") == 1
    for row in one["report"]["beside"]["paired"]:
        row["flagged"] = interval(0.0)
    page = told(beside_page(Found([one])))
    assert "in 10.0% of the scans and is flagged in 0.0%." in page
    assert "texture" not in page


def test_shares_are_of_the_files_of_all_seeds_and_aurocs_the_mean():
    notes = [note(STATIC, []), note(STATIC, [], seed=1)]
    rows = survivor("JPEG 90", "bim", 0.1, 20, 10, 1), survivor("JPEG 90", "bim", 0.1, 4, 1, 1)
    for one, row, auroc in zip(notes, rows, (0.5, 0.75), strict=True):
        one["report"]["beside"]["survivors"] = [row]
        one["report"]["beside"]["reencoded"][0]["auroc"] = interval(auroc)
    beside = pooled_beside(notes)
    (row,) = beside.survivors
    assert (row.n, row.fooling.value, row.flagged_fooling.value) == (24, 11 / 24, 2 / 11)
    auroc = beside.reencoded[0].auroc
    assert (auroc.value, auroc.low, auroc.high) == (0.625, 0.5, 0.75)


def test_the_page_has_everything_beside_the_headline(tmp_path):
    found = Found([note(STATIC, [*on_all(), cell("fgsm", 16, [])])])
    write_page(tmp_path / "page", Told([], [], found, [], {}, {}, [], {}))
    page = (tmp_path / "page.md").read_text()
    titles = re.findall(r"^##+ (.*)$", page, re.MULTILINE)
    assert titles == [
        "Goals",
        "Attacks that the detector was trained on",
        "What became of every scan that was to be attacked",
        "What successful attacks are called",
        "Attacks against noise of equal norm",
        "Harmless changes flagged",
        "What else the detector reacts to",
        "Another scan's perturbation in its place",
        "An attack's own changes at random places",
        "With the background zeroed",
        "Clean scans written as another file",
        "Attacked, then JPEG 90",
        "Attacked, then JPEG 75",
    ]
    assert "| fgsm 16/255 | 0 | 0 | no success | - | - |" in page
    assert "| Gaussian noise 0.25/255 | 40 | 0.0%" in page


@pytest.mark.parametrize("name", [*SOURCES, "pipeline/attacks/adaptive"])
def test_figures_hang_on_all_code_that_attacks_and_judges(tmp_path, name):
    for each in (*SOURCES, "pipeline/attacks/adaptive"):
        path = tmp_path / each if each.endswith(".py") else tmp_path / each / "one.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("before")
    before = sources_id(tmp_path)
    assert sources_id(tmp_path) == before
    (tmp_path / name if name.endswith(".py") else tmp_path / name / "one.py").write_text("after")
    assert sources_id(tmp_path) != before


def test_the_code_that_figures_hang_on_is_there():
    assert [name for name in SOURCES if not (Path(detector_work.__file__).parent.parent / name).exists()] == []
    attacked = {"pipeline/attacks", "pipeline/gate", "pipeline/models", "datasets/benign.py", "datasets/head.py"}
    assert attacked < set(SOURCES)
