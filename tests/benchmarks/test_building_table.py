from benchmarks.building_table import building_goals, building_table


def row(images: int, of_work: float, peak_mib: float, *, precision: str = "fp32") -> dict:
    return {
        "precision": precision,
        "images": images,
        "rows": 5 * images,
        "build_s": 10.0,
        "of_work": of_work,
        "of_limit": 1.1,
        "peak_mib": peak_mib,
    }


def test_goals_are_judged_on_the_largest_set():
    reached = building_goals([row(10, 0.5, 500), row(100, 0.95, 540)])
    assert [goal["met"] for goal in reached] == [True, True]
    missed = building_goals([row(10, 0.95, 500), row(100, 0.8, 600)])
    assert [goal["met"] for goal in missed] == [False, False]


def test_each_precision_has_goals_of_its_own():
    found = building_goals([row(100, 0.85, 540), row(100, 1.2, 550, precision="bf16")])
    assert [goal["met"] for goal in found] == [False, True, True, True]
    assert "in fp32" in found[0]["what"]
    assert "in bf16" in found[2]["what"]


def test_nothing_measured_says_nothing():
    assert building_table([]) == building_goals([]) == []
    assert "| fp32 | 100 | 500 | 10 | 95% | 110% | 540 |" in building_table([row(100, 0.95, 540)])
