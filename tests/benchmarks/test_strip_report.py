import json
from dataclasses import replace

import pytest
from torch.nn.functional import avg_pool2d

from benchmarks import strip_overlays
from benchmarks.strip_overlays import Plan
from benchmarks.strip_report import main, strip_goals
from pipeline.gate.strip_choice import N_OVERLAYS, PARTS, SUMS, WAYS
from tests.benchmarks.digits import SMALL, noise_digits

PLAN = Plan()
DIGITS = ("SmallCNN", 28, 10)
JUDGED, OTHER = {PARTS: "single", SUMS: "by_class"}, {PARTS: SUMS, SUMS: PARTS}


def share(value, n=1000):
    return {"value": value, "low": value, "high": value, "n_hit": 0, "n": n}


def rows(found=0.99, alarms=0.008, *, more=0):
    """As promised by both ways as the gate judges them, and the other thresholds would fail."""
    return [
        {
            "by": by,
            "place": place,
            "poisoned": poisoned,
            "seed": seed,
            "overlays": N_OVERLAYS[by] + more,
            "works": share(1.0),
            JUDGED[by]: {"found": share(found), "alarms": share(alarms, 2000)},
            JUDGED[OTHER[by]]: {"found": share(0.1, 9), "alarms": share(0.5, 9)},
        }
        for by in WAYS
        for place in PLAN.places
        for poisoned in PLAN.shares
        for seed in PLAN.seeds
    ]


def cost(ms=2.0, classifier="SmallCNN", more=0):
    ratio = {"value": 5.0, "low": 4.0, "high": 6.0}
    taken = [{"by": by, "overlays": N_OVERLAYS[by] + more, "ms": ms, "ratio": ratio} for by in WAYS]
    return {"classifier": classifier, "rounds": 7, "with": taken}


def unmet(some, costs):
    return [goal.what.rpartition(": ")[2] for goal in strip_goals(some, costs, PLAN) if not goal.met]


def test_all_goals_are_met_where_everything_is_as_promised():
    goals = list(strip_goals(rows(), [cost()], PLAN))
    assert all(goal.met for goal in goals)
    assert len({goal.what for goal in goals}) == len(goals) == 18
    assert goals[0].value == "99.00% ± 0.00% (99.00% to 99.00%)"
    assert [goal.n for goal in goals] == 2 * [*4 * [3000, 6000], 7]


@pytest.mark.parametrize(
    ("some", "costs", "words"),
    [
        (rows(found=0.94), [cost()], ["triggered found"] * 8),
        (rows(alarms=0.011), [cost()], ["clean rejected"] * 8),
        (rows(), [cost(ms=101)], ["an image of digits"] * 2),
        (rows(), [cost(classifier="resnet18")], ["an image of digits"] * 2),
        (rows(), [cost(more=1)], ["an image of digits"] * 2),
        (rows()[3:], [cost()], ["triggered found", "clean rejected"]),
    ],
)
def test_each_goal_fails_by_its_own_figure(some, costs, words):
    assert unmet(some, costs) == words


def test_other_numbers_of_overlays_are_not_the_default():
    goals = list(strip_goals(rows(more=1), [], PLAN))
    assert {(goal.value, goal.n, goal.met) for goal in goals} == {("not measured", 0, False)}


def test_a_seed_whose_trigger_never_works_meets_nothing():
    some = rows()
    some[0][JUDGED[some[0]["by"]]]["found"] = share(None, 0)
    assert unmet(some, [cost()]) == ["triggered found"]


def test_the_mean_decides_and_not_the_worst_seed():
    some = rows()
    some[0][JUDGED[some[0]["by"]]]["found"] = share(0.9)
    assert unmet(some, [cost()]) == []


def test_page_and_json_tell_the_same(tmp_path, capsys, monkeypatch):
    # Of noise nothing is learned in an epoch, and every image would be called the same.
    monkeypatch.setattr(strip_overlays, "_trained", lambda *given: lambda x: 8 * avg_pool2d(x, 7).flatten(1)[:, :10])
    counts = {"overlays": (2, N_OVERLAYS[SUMS]), "by_parts": (N_OVERLAYS[PARTS],)}
    plan, out = replace(SMALL, **counts, n_train=200), tmp_path / "strip"
    said = [str(noise_digits(tmp_path)), "--rounds", "1", "--out", str(out)]
    assert main(said, plan=plan, cases=[DIGITS]) == 0
    assert capsys.readouterr().out.endswith(f"{out}.md\n")
    facts, page = json.loads(out.with_suffix(".json").read_text()), out.with_suffix(".md").read_text()
    assert len(facts["rows"]) == len(plan.shares) * len(plan.seeds) * 3
    assert [row["classifier"] for row in facts["costs"]] == ["SmallCNN"]
    assert len(facts["goals"]) == 6
    for goal in facts["goals"]:
        assert set(goal) == {"what", "goal", "value", "n", "met"}
        assert f"| {goal['value']} | {goal['n']} | {'yes' if goal['met'] else '**no**'} |" in page
    assert page.startswith("# STRIP at the gate\n\nMade by `make results-strip`.")
    assert page.endswith("Research use; no medical device.\n")
    tables = [line.count("|") for line in page.splitlines() if line.startswith("|")]
    assert len(tables) == (2 + 6) + (2 + 3) + (2 + 3 * len(plan.seeds)) + (2 + 1)
    assert set(tables) == {6, 10, 11, 13}
