import json
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks import attacks
from benchmarks.attack_table import goals, markdown, summary
from benchmarks.settings import LIMIT, STEP, Measurement


def measured(contestant: str, attack_s: float, *, attack: str = "pgd", repeat: int = 0, **more: object):
    item = Measurement(
        model="SequentialCNN",
        channels=3,
        n=16,
        device="cpu",
        attack=attack,
        contestant=contestant,
        repeat=repeat,
        threads=1,
    )
    return {**asdict(item), "attack_s": attack_s, "process_s": attack_s + 2, "success": 1.0, "mean_l2": 1.0, **more}


def only_cell(*records):
    return summary(records, missing=[])["cells"][0]


def test_compares_medians_with_the_fastest_peer_and_the_limit():
    ours = [measured("scangate", seconds, repeat=k) for k, seconds in enumerate((1.0, 9.0, 2.0))]
    cell = only_cell(*ours, measured("foolbox", 5.0), measured("art", 4.0), measured(LIMIT, 1.6))
    assert cell["fastest_peer"] == "art"
    assert cell["ahead"] == pytest.approx(2.0)
    assert cell["of_limit"] == pytest.approx(1.25)
    assert cell["whole_process_ahead"] == pytest.approx(6 / 4)
    assert cell["reached"]


@pytest.mark.parametrize(("ours_s", "limit_s", "reached"), [(3.9, 3.8, True), (3.9, 3.0, False), (2.0, 1.0, True)])
def test_the_limit_is_enough_where_a_peer_is_near_it(ours_s: float, limit_s: float, reached: bool):
    cell = only_cell(measured("scangate", ours_s), measured("art", 4.0), measured(LIMIT, limit_s))
    assert cell["reached"] is reached


def test_carlini_wagner_is_compared_with_peers_that_fool_as_many_as_near():
    ours = measured("scangate", 1.0, attack="cw", mean_l2=1.01)
    weak = measured("torchattacks", 0.5, attack="cw", success=0.5)
    far = measured("art", 0.5, attack="cw", mean_l2=1.2)
    cell = only_cell(ours, weak, far, measured("adv_lib", 4.0, attack="cw"))
    assert cell["fastest_peer"] == "adv_lib"
    assert cell["reached"]
    worse = only_cell({**ours, "mean_l2": 1.03}, measured("adv_lib", 4.0, attack="cw"))
    assert not worse["reached"]


def test_a_busy_machine_is_measured_by_the_clock_of_the_processor():
    record = measured("scangate", 9.0, attack=STEP, attack_cpu_s=1.0, process_cpu_s=2.0, ratio=3.0, cpu_ratio=1.01)
    assert summary([record], missing=[])["cells"][0]["of_limit"] == 3.0
    found = summary([record], missing=[], clock="cpu")
    assert found["cells"][0]["of_limit"] == 1.01
    assert "Seconds by the cpu clock" in markdown(found)


def test_says_what_is_missing_and_which_goal_is_met():
    found = summary([measured("scangate", 1.0), measured("art", 4.0)], missing=["cleverhans"])
    assert "Not installed, and left out: cleverhans." in markdown(found)
    assert [goal["met"] for goal in goals(found)] == [True]


def test_a_failure_is_no_time():
    broken = {key: value for key, value in measured("foolbox", 0.0).items() if key != "attack_s"} | {"error": "no room"}
    found = summary([measured("scangate", 1.0), measured("art", 4.0), broken], missing=[])
    assert found["cells"][0]["fastest_peer"] == "art"
    assert "foolbox failed: no room" in markdown(found)


def test_a_stopped_run_measures_again_what_was_cut_off_and_what_failed(tmp_path: Path):
    whole, failed = measured("art", 1.0), {**measured("foolbox", 1.0), "error": "out of memory"}
    file = tmp_path / "results.jsonl"
    file.write_text(f"{json.dumps(whole)}\n{json.dumps(failed)}\n{json.dumps(whole)[:40]}")
    assert list(attacks._known(file).values()) == [whole]
    assert file.read_text().endswith("\n")


@pytest.mark.slow
def test_measures_in_processes_of_their_own_and_goes_on(tmp_path: Path):
    asked = ["--models", "SequentialCNN", "--batches", "1", "--attacks", "fgsm", "--contestants", "scangate"]
    asked += ["--channels", "1", "--repeats", "1", "--devices", "cpu", "--out", str(tmp_path)]
    assert attacks.main(asked) == 0
    lines = (tmp_path / "results.jsonl").read_text()
    records = [json.loads(line) for line in lines.splitlines()]
    assert [record["contestant"] for record in records] == ["scangate", LIMIT]
    assert 0 < records[0]["attack_s"] < records[0]["process_s"]
    assert records[0]["linf"] <= 8 / 255 + 1e-6
    assert attacks.main(asked) == 0
    assert (tmp_path / "results.jsonl").read_text() == lines
