from dataclasses import replace

import numpy as np
import pytest

from pipeline.detection.evaluate import evaluate_detector, examine_detector
from pipeline.detection.settings import DetectorSettings
from pipeline.detection.train import train_detector
from pipeline.errors import BadDetector

SETTINGS = DetectorSettings(epochs=2, draws=16, batch=8, crop=24, evasions=8, evasion_steps=4)


class Killed(Exception):
    """Stands for the end of the process."""


def train(chain, folder, *, progress=None, settings=SETTINGS):
    given = {} if progress is None else {"progress": progress}
    return train_detector(
        chain.adversarial_set, chain.dataset, chain.classifier, settings, folder / "out", work=folder / "work", **given
    )


def test_killed_and_taken_up_again_it_ends_as_if_undisturbed(tiny_chain, tmp_path):
    def kill(done, total, what):
        if what.startswith("epoch 2 of 2") and done >= 3:
            raise Killed

    (tmp_path / "a").mkdir()
    with pytest.raises(Killed):
        train(tiny_chain, tmp_path / "a", progress=kill)
    assert [path.suffix for path in sorted((tmp_path / "a" / "work").iterdir())] == [".ckpt", ".npz"]
    assert not (tmp_path / "a" / "out").exists()
    steps = []
    resumed = train(tiny_chain, tmp_path / "a", progress=lambda done, total, what: steps.append(what))
    assert not any(what.startswith("epoch 1 of 2") for what in steps)
    assert resumed.id == train(tiny_chain, tmp_path / "b").id
    assert not list((tmp_path / "a" / "work").iterdir())


def test_a_detector_learns_from_what_was_made_to_pass_it(tiny_chain, tmp_path):
    hardened, plain = (
        train(tiny_chain, tmp_path / name, settings=replace(SETTINGS, evasive=share, evasions=12, evasion_steps=60))
        for name, share in (("a", 0.5), ("b", 0.0))
    )
    first, second = hardened.notes["history"]
    for row in (first, second):
        assert row["trade_off"] == pytest.approx(row["area"] - row["passed"])
    assert "passed" not in plain.notes["history"][0]
    assert first["loss"] == plain.notes["history"][0]["loss"]
    assert second["loss"] != plain.notes["history"][1]["loss"]


def test_evasions_that_are_gone_end_the_training_with_what_to_do(tiny_chain, tmp_path):
    def kill(done, total, what):
        if what.startswith("epoch 2"):
            raise Killed

    with pytest.raises(Killed):
        train(tiny_chain, tmp_path, progress=kill)
    next((tmp_path / "work").glob("*.npz")).unlink()
    with pytest.raises(BadDetector, match=r"evasions-0\.npz cannot be read .*; delete the checkpoint beside it"):
        train(tiny_chain, tmp_path)


def test_a_checkpoint_of_other_settings_is_not_taken_up(tiny_chain, tmp_path):
    def kill(done, total, what):
        if what.startswith("epoch 2"):
            raise Killed

    with pytest.raises(Killed):
        train(tiny_chain, tmp_path, progress=kill)
    other = DetectorSettings(epochs=1, draws=16, batch=8, crop=24, seed=1)
    assert len(train(tiny_chain, tmp_path, settings=other).notes["history"]) == 1


def test_progress_only_grows_within_the_epochs(tiny_chain, tmp_path):
    seen = []
    train(tiny_chain, tmp_path, progress=lambda done, total, what: seen.append((done, total, what)))
    epochs = [done for done, _, what in seen if what.startswith("epoch")]
    assert epochs == sorted(epochs)
    assert all(0 <= done <= total for done, total, _ in seen)


def test_what_is_left_out_is_not_learned_from(tiny_chain, tmp_path):
    settings = replace(SETTINGS, epochs=1, leave_out=["pgd"])
    notes = train(tiny_chain, tmp_path, settings=settings).notes
    rows, items = tiny_chain.adversarial_set.rows(), tiny_chain.dataset.indices("detector")
    shown = np.isin(rows.parent, items) & (rows.status == "success") & (rows.attack == "fgsm")
    # What is held out is judged twice, as it was made and with a history.
    assert notes["n_attacked"] + notes["n_held_out_attacked"] / 2 == int(shown.sum())
    assert notes["settings"]["leave_out"] == ["pgd"]


def test_who_leaves_an_attack_out_is_shown_nothing_kin_to_it(tiny_chain, tmp_path):
    notes = train(tiny_chain, tmp_path, settings=replace(SETTINGS, leave_out=["pgd"])).notes
    assert all("passed" not in row for row in notes["history"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"leave_out": ["cw"]}, "leave_out names cw; the adversarial set has fgsm, pgd"),
        ({"leave_out": ["fgsm", "pgd"]}, "leave no attack to learn from"),
        ({"only_eps": [1 / 255]}, r"only_eps names 0\.0039216; the adversarial set has 0\.062745"),
    ],
)
def test_leaving_out_what_is_not_there_or_everything_is_refused(tiny_chain, tmp_path, settings, message):
    with pytest.raises(BadDetector, match=message):
        train(tiny_chain, tmp_path, settings=replace(SETTINGS, **settings))


def test_it_refuses_a_classifier_that_was_not_attacked(tiny_chain, tmp_path):
    stranger = replace(tiny_chain.classifier, id="0123456789abcdef")
    with pytest.raises(BadDetector, match=r"was made with classifier .*, 0123456789abcdef was given"):
        train_detector(
            tiny_chain.adversarial_set, tiny_chain.dataset, stranger, SETTINGS, tmp_path, work=tmp_path / "work"
        )


@pytest.fixture(scope="module")
def report(tiny_chain):
    return evaluate_detector(
        tiny_chain.detector, tiny_chain.adversarial_set, tiny_chain.dataset, tiny_chain.classifier, alpha=0.1
    )


def test_a_null_attack_is_not_told_from_clean(report):
    assert report.null_attack == pytest.approx(0.5, abs=1e-6)


def test_every_row_of_the_split_is_counted_once(report, tiny_chain):
    rows = tiny_chain.adversarial_set.rows()
    inside = np.isin(rows.parent, tiny_chain.dataset.indices("test"))
    counted = sum(cell.n + cell.n_failed + cell.n_unchanged + cell.n_clean_wrong for cell in report.cells)
    assert counted == int(inside.sum()) > 0
    assert [cell.n for cell in report.cells] == [
        int((inside & (rows.attack == cell.attack) & (rows.status == "success")).sum()) for cell in report.cells
    ]


def test_the_report_says_its_numbers_in_json_and_in_tables(report):
    table = report.to_markdown()
    assert "| fgsm | 16/255 |" in table
    assert "JPEG 75" in table
    assert report.to_json()["n_clean"] == report.n_clean
    assert {row["name"] for row in report.to_json()["controls"]} >= {"sign noise 1/255", "Rician noise 2/255"}


def test_the_report_stands_beside_its_controls(report, tiny_chain):
    said = report.to_json()
    beside, table = said["beside"], report.to_markdown()
    assert {row["what"] for row in beside["paired"]} == {"scattered", "shuffled"}
    assert {row["change"] for row in beside["survivors"]} >= {"JPEG 90", "resize 1.1"}
    assert {row["feature"] for row in beside["shortcuts"]} >= {"off-grid share", "LSB histogram", "file size"}
    assert [row["auroc"]["value"] for row in beside["reencoded"]] == pytest.approx([0.5] * 3, abs=0.01)
    assert "| off-grid share | 16/255 | clean |" in table
    assert "cannot support 0.1%" in table
    assert said["coverage"]["n"] == report.n_clean
    assert said["handed_out"]["n"] == sum(cell.n + cell.n_failed + cell.n_unchanged for cell in report.cells)
    assert said["coverage"]["accepted"]["value"] == pytest.approx(1 - report.clean_alarms.value)
    assert sum(report.cells[0].named.values()) == report.cells[0].n


def test_a_report_is_refused_on_another_data_set_than_was_attacked(tiny_chain):
    stranger = replace(tiny_chain.adversarial_set, dataset_id="0123456789abcdef")
    with pytest.raises(BadDetector, match=r"was made of data set 0123456789abcdef, .* was given; give that data set"):
        evaluate_detector(tiny_chain.detector, stranger, tiny_chain.dataset, tiny_chain.classifier)


def test_a_short_examination_has_the_same_headline_and_no_controls(report, tiny_chain):
    chain = (tiny_chain.detector, tiny_chain.adversarial_set, tiny_chain.dataset, tiny_chain.classifier)
    short = examine_detector(*chain, alpha=0.1, beside=False)
    assert short.report.cells == report.cells
    assert (short.report.controls, short.report.beside.shortcuts, short.controlled) == ((), (), {})
    assert [len(cell.hit) for cell in short.cells] == [cell.n for cell in report.cells]
