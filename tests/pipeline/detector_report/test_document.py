"""What a report says, from figures that are known, and what it says of those that are missing."""

import pytest

from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.detector_report.adaptive_section import standing_at_a_glance
from pipeline.detector_report.blocks import Chart, Pairs, Pictures, Points, Table, Words
from pipeline.detector_report.document import STATEMENT, document, told
from pipeline.detector_report.standards import standards
from pipeline.errors import BadDetector
from tests.pipeline.detector_report.reports import adaptive, cell, older, share, static


def made(static_facts=None, runs=()):
    return document(told("tiny", static_facts or static(), runs))


def section(found, anchor):
    return next(one for one in found.sections if one.anchor == anchor)


def of_kind(kind, section_):
    return [block for block in section_.blocks if isinstance(block, kind)]


def with_cells(run, n):
    return {**run, "cells": [{**run["cells"][0], "attack": f"attack{k}"} for k in range(n)]}


def at(run, level, *, low):
    best = {**run["rows"][0]["best"], "low": low}
    return {**run, "rows": [{**run["rows"][0], "level": level, "best": best}]}


def words(section_):
    return " ".join(block.text for block in of_kind(Words, section_))


def test_the_adaptive_figure_stands_in_the_row_of_the_static_one():
    (chart,) = of_kind(Chart, section(made(runs=[adaptive()]), "standing"))
    row = next(row for row in chart.table.rows if row[0] == "4/255")
    assert (row[1][:5], row[2][:5]) == ("10.0%", "90.0%")
    assert (row[3], row[5]) == ("200", "14")
    assert [line.name for line in chart.series] == ["static", "adaptive", "without a gate"]


@pytest.mark.parametrize("runs", [(), (adaptive(),)])
def test_at_a_glance_the_two_figures_are_those_of_the_section(runs):
    found = told("tiny", static(), runs)
    words, table = standing_at_a_glance(found.static, found.adaptive)
    first, chart = section(document(found), "standing").blocks
    assert words == first
    assert table.rows == tuple(row[:3] for row in chart.table.rows)
    assert len(table.head) == 3


def test_at_a_glance_the_adaptive_figure_says_of_how_many_attacks_and_scans_it_is():
    found = told("tiny", static(), (adaptive(n=3),))
    words, _ = standing_at_a_glance(found.static, found.adaptive)
    n = len({cell["attack"] for cell in adaptive()["cells"]})
    assert f"of {n} of {len(ADAPTIVE_ATTACKS)} attacks that know" in words.text
    assert words.text.endswith("on 3 scans.")


def test_a_radius_that_only_one_of_them_has_says_so():
    (chart,) = of_kind(Chart, section(made(runs=[adaptive()]), "standing"))
    assert next(row for row in chart.table.rows if row[0] == "8/255")[2] == "not measured"


def test_without_an_adaptive_attack_the_report_says_that_it_proves_nothing():
    found = made()
    first = section(found, "standing").blocks[0]
    assert isinstance(first, Words)
    assert first.tone == "warning"
    assert "No adaptive attack has been measured" in first.text
    assert "say nothing about an attacker who does" in first.text
    assert "attack-gate d1" in first.text
    assert first.text in of_kind(Points, section(found, "limits"))[0].items
    assert not [one for one in found.sections if one.anchor == "adaptive"]
    assert told("tiny", static(), ()).to_json()["adaptive"] is None


@pytest.mark.parametrize(
    ("others", "what"),
    [
        ([adaptive(n=3, best=0.1)], "fewer scans"),
        ([adaptive(n=90, alpha=0.05, best=0.1)], "another false-alarm rate"),
        ([adaptive(best=0.2)], "a milder outcome on as many scans"),
        ([adaptive(n=90, best=0.2)], "a milder outcome on more scans"),
        ([with_cells(adaptive(best=0.2), 7)], "a milder outcome of more attacks"),
        ([at(adaptive(n=1, best=1.0), 4, low=0.025)], "one scan that passed"),
        ([at(adaptive(best=1.0), 64, low=0.99)], "a radius at which every gate is passed"),
    ],
)
def test_no_milder_run_takes_the_place_of_the_hard_one(others, what):
    for runs in ([adaptive(), *others], [*others, adaptive()]):
        assert told("tiny", static(), runs).to_json()["adaptive"] == adaptive(), what
        kept = next(table for table in of_kind(Table, section(made(runs=runs), "adaptive")) if "Other" in table.title)
        assert len(kept.rows) == len(others)


def test_without_a_static_figure_at_a_radius_every_radius_counts():
    unbounded = static(cells=[cell("cw", 0)])
    mild, hard = adaptive(n=90, best=0.2), at(adaptive(), 64, low=0.7)
    assert told("tiny", unbounded, [mild, hard]).to_json()["adaptive"] == hard


def test_figures_at_different_rates_are_not_read_together():
    first = section(made(runs=[adaptive(alpha=0.05)]), "standing").blocks[0]
    assert isinstance(first, Words)
    assert first.tone == "warning"
    assert "different false-alarm rates, 1.0% and 5.0%" in first.text


def test_attacks_that_did_not_succeed_are_counted_apart():
    table = next(one for one in of_kind(Table, section(made(), "attacks")) if one.title.startswith("Counted apart"))
    area, flagged = "0.7000 (0.6300 to 0.7700)", "50.0% (45.0% to 55.0%)"
    assert table.rows[0][:7] == ("PGD", "4/255", "15", area, flagged, "5", "3")


def test_what_is_found_at_five_per_cent_stands_beside_the_stated_rate_where_a_report_has_it():
    def found(facts):
        (chart,) = [one for one in of_kind(Chart, section(made(facts), "attacks")) if "radius" in one.title]
        return dict(zip(chart.table.head, chart.table.rows[0], strict=True))

    assert found(static())["at 5 %"] == "95.0% (85.5% to 100.0%)"
    assert found(older())["at 5 %"] == "-"


def test_the_curve_ends_at_the_rate_that_the_clean_scans_can_show():
    chart = next(one for one in of_kind(Chart, section(made(), "attacks")) if "false-alarm" in one.title)
    assert chart.x.low == 0.005
    assert chart.table.head[2:5] == ("0.5%", "1%", "2%")
    assert chart.table.rows[0] == ("4/255", "160", "70%", "85%", "85%", "85%", "85%")
    assert chart.table.rows[1][0] == "no radius of its own"


def test_lines_that_lie_on_each_other_stand_a_little_apart():
    (chart,) = of_kind(Chart, section(made(runs=[adaptive(best=0.95)]), "standing"))
    known, alone = (next(line for line in chart.series if line.name == name) for name in ("adaptive", "without a gate"))
    assert known.points[0][1] == alone.points[0][1]
    assert known.points[0][0] < alone.points[0][0] < 1.1 * known.points[0][0]


def test_an_attack_at_several_radii_is_a_line_with_intervals():
    chart = next(one for one in of_kind(Chart, section(made(), "attacks")) if one.title.endswith("every radius"))
    (line,) = chart.series
    assert (line.name, len(line.points), line.spans[0]) == ("PGD", 2, (0.81, pytest.approx(0.99)))
    assert len(chart.table.rows) == 3, "the table has the others too"


def test_names_are_told_with_their_number():
    (table,) = of_kind(Table, section(made(), "naming"))
    assert table.rows[0] == ("PGD", "160", "60 (38%)", "20 (12%)", "80 (50%)", "0 (0%)", "0 (0%)")


def test_how_good_the_names_are_is_told_where_it_is_known():
    share = {"value": 0.5, "low": 0.4, "high": 0.6}
    named = dict.fromkeys(("unknown", "one", "right", "one_right", "strange_unknown"), share)
    facts = static(naming={**named, "n": 80, "type_f1": 0.91, "family_f1": 0.974, "n_strange": 0})
    words = [one.text for one in of_kind(Words, section(made(facts), "naming"))]
    assert any("macro-F1 0.910 of the likeliest type, 0.974 of its family" in text for text in words)
    assert len(of_kind(Words, section(made(static(naming={})), "naming"))) == len(words) - 1


def test_a_name_that_the_head_learns_later_gets_its_column():
    facts = static(confusion={"pgd": {"pgd": 3, "unknown": 1}})
    (table,) = of_kind(Table, section(made(facts), "naming"))
    assert table.head == ("attack", "n", "called PGD", "called unknown")


def test_a_run_on_other_scans_is_kept_apart_and_never_told_beside_the_static_figures():
    same, other = {**adaptive(best=0.5), "dataset_id": "s1"}, {**adaptive(best=0.9), "dataset_id": "s2"}
    elsewhere = {**adaptive(best=0.9), "split": "val"}
    assert told("tiny", static(), [other, same, elsewhere]).to_json()["adaptive"] == same
    found = told("tiny", static(), [other, elsewhere])
    assert found.to_json()["adaptive"] is None
    assert found.to_json()["other_adaptive"] == [other, elsewhere]
    assert "No adaptive attack has been measured on the scans of these figures" in words(
        section(document(found), "standing")
    )
    (others,) = of_kind(Table, section(document(found), "adaptive"))
    assert [row[0] for row in others.rows] == ["alpha 0.01, split test of s2", "alpha 0.01, split val of its data set"]
    assert "only on others" in found.limits[0]


def test_a_recalibrated_detector_promises_nothing_for_the_judged_scans():
    facts = static()
    facts["sources"]["calibrated_on"] = "local (s9)"
    assert "of another data set, local (s9), which promises" in words(section(made(facts), "clean"))
    assert "and so between" in words(section(made(), "clean"))


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"n_calibration": 300, "band": [0.001, 0.024]}, "300 clean scans set the threshold: the true rate may lie"),
        ({}, "No attack of the set was held to the head"),
    ],
)
def test_what_few_scans_and_no_attack_in_the_head_leave_open_is_said(changed, says):
    (limits,) = of_kind(Points, section(made(static(**changed)), "limits"))
    assert any(says in item for item in limits.items)
    told_too = static(n_calibration=1200, cells=[cell("pgd", 4), {**cell("pgd", 8), "region": "head"}])
    (limits,) = of_kind(Points, section(made(told_too), "limits"))
    assert not any(says[-20:] in item for item in limits.items)


def test_more_lines_than_can_be_told_apart_are_counted():
    curves = [{**static()["drawn"]["roc"][0], "level": float(k)} for k in range(1, 9)]
    drawn = {**static()["drawn"], "roc": curves}
    charts = of_kind(Chart, section(made(static(drawn=drawn)), "attacks"))
    assert "Drawn are 6 of 8 lines; the table has all." in charts[0].what
    assert "lines; the table" not in of_kind(Chart, section(made(), "attacks"))[0].what


def operating(alpha, accepted, handed_out, n_attacked=300):
    return {"alpha": alpha, "n_clean": 200, "accepted": share(accepted), "right_accepted": share(0.95), "n_hits": 160,
            "found": share(0.9), "n_parents": 60, "all_found": share(0.8), "n_attacked": n_attacked,
            "handed_out": share(handed_out)}  # fmt: skip


def at_other_rates(*rows):
    blocks = section(made(static(beside={"operating": list(rows)})), "controls").blocks
    return next(one for one in blocks if isinstance(one, Chart | Table))


def test_risk_is_drawn_against_what_is_still_shown_from_the_highest_rate_on():
    chart = at_other_rates(operating(0.01, 0.99, 0.02), operating(0.02, 0.97, 0.01), operating(0.05, 0.94, 0.005))
    assert isinstance(chart, Chart)
    assert chart.series[0].points == ((0.94, 0.005), (0.97, 0.01), (0.99, 0.02))
    assert chart.series[0].spans[-1] == (0.02 * 0.9, pytest.approx(0.022))
    assert chart.x.low <= 0.94
    assert [row[0] for row in chart.table.rows] == ["0.01", "0.02", "0.05"]


@pytest.mark.parametrize(
    "rows", [[operating(0.01, 0.99, 0.02)], [operating(0.01, 0.99, 0, 0), operating(0.02, 0.97, 0, 0)]]
)
def test_one_rate_or_nothing_attacked_makes_a_table_alone(rows):
    assert isinstance(at_other_rates(*rows), Table)


def test_hashes_of_all_that_was_judged_are_told():
    (pairs,) = of_kind(Pairs, section(made(), "judged"))
    said = " ".join(text for _, text in pairs.rows)
    assert all(digest in said for digest in ("c5" * 32, "d5" * 32, "55" * 32, "a5" * 32))


def test_examples_are_named_by_row_and_hash():
    (pictures,) = of_kind(Pictures, section(made(), "examples"))
    (one,) = pictures.rows
    assert (one.adversarial_id, one.row, one.times) == ("a1", 3, 31)
    assert "glioma became notumor" in one.text
    assert "row 3, scan 2, SHA-256 5e5e5e5e5e5e5e5e" in one.text


def test_limits_count_what_an_alarm_is_worth():
    items = of_kind(Points, section(made(), "limits"))[0].items
    assert any("no such claim" in item for item in items)
    assert any("8.3% would be attacked ones" in item for item in items)
    assert any("most on meningioma, 3.1%" in item for item in items)


def test_the_best_shortcut_is_among_the_limits():
    items = of_kind(Points, section(made(), "limits"))[0].items
    assert any("the off-grid share, separates" in item and "0.6100" in item and "at 4/255" in item for item in items)
    items = of_kind(Points, section(made(older()), "limits"))[0].items
    assert not any("single feature" in item for item in items)


def test_an_older_report_opens_and_says_what_it_lacks():
    found = made(older(), [adaptive()])
    assert len(found.missing) == 4
    assert {"controls", "examples"}.isdisjoint(one.anchor for one in found.sections)
    assert "older than the hashes" in words(section(found, "judged"))
    assert "evaluate-detector d1" in words(section(found, "judged"))
    assert made().missing == ()


@pytest.mark.parametrize("name", ["band", "alpha", "n_clean"])
def test_a_report_that_is_none_is_refused(name):
    facts = static()
    del facts[name]
    with pytest.raises(BadDetector, match=f"lacks or garbles '{name}'; make it anew"):
        told("tiny", facts, ())


def test_a_detector_that_nothing_fooled_still_has_a_report():
    nothing = {"value": None, "low": None, "high": None}
    empty = {**cell("pgd", 4), "n": 0, "auroc": nothing, "found": nothing, "type_right": None}
    found = made(static(cells=[empty], confusion={"pgd": dict.fromkeys(("fgsm", "pgd"), 0)}, drawn=None))
    assert not of_kind(Chart, section(found, "attacks"))
    assert not any("would be attacked" in item for item in of_kind(Points, section(found, "limits"))[0].items)


def test_the_catalogues_ids_follow_from_the_attacks():
    ids = [one.id for one in standards(["pgd"], transferred=False)]
    assert {"NISTAML.022", "AML.T0015", "AML.T0043", "AML.T0043.000", "AML.M0015"} < set(ids)
    assert {"NISTAML.025", "AML.T0043.001", "AML.T0043.002"}.isdisjoint(ids)
    assert "AML.T0043.000" not in [one.id for one in standards(["square"], transferred=False)]
    assert "NISTAML.025" in [one.id for one in standards(["square"], transferred=False)]
    assert "AML.T0043.002" in [one.id for one in standards(["pgd"], transferred=True)]


def test_programs_get_the_reports_as_they_were_kept():
    facts = told("tiny", static(), [adaptive()]).to_json()
    assert facts["static"] == static()
    assert facts["adaptive"] == adaptive()
    assert facts["statement"] == STATEMENT
    assert STATEMENT.startswith("Research use; no medical device.")
