"""What a report says of adversarial sets that are not the detector's own."""

import pytest

from pipeline.detector_report.blocks import Section, Table, Words
from pipeline.detector_report.document import document, told
from pipeline.detector_report.not_shown import ALL_SHOWN, NotShown
from pipeline.errors import BadDetector
from tests.pipeline.detector_report.reports import cell, static


def other(*cells, **changed):
    """A report on a set `a2`; sources are those of the own set but for what is changed of them."""
    sources = {**static()["sources"], "adversarial_id": "a2", **changed.pop("sources", {})}
    asked = {"adversarial_id": "a2", "adversarial_name": "Unseen", "sources": sources, **changed}
    return static(cells=list(cells) or [cell("square", 4)], **asked)


def section(*others, kept_from=ALL_SHOWN, anchor="others"):
    made = document(told("tiny", static(), (), others=others, kept_from=kept_from))
    return next((one for one in made.sections if one.anchor == anchor), None)


def words(found: Section | None):
    assert found is not None
    return [block for block in found.blocks if isinstance(block, Words)]


def said(*others, **more):
    return words(section(*others, **more))[1].text


def test_without_another_set_there_is_no_such_section():
    assert section() is None
    assert told("tiny", static(), ()).to_json()["other_static"] == []


def test_each_set_has_its_table_with_name_id_and_figures():
    named, bare = other(), other(cell("cw", 0), adversarial_id="a3", adversarial_name=None)
    found = section(named, bare)
    assert found is not None
    tables = [block for block in found.blocks if isinstance(block, Table)]
    assert [table.title for table in tables] == ["Unseen (a2)", "a3"]
    assert tables[0].head == ("attack", "radius", "n", "AUROC", "found", "handed out")
    assert tables[0].rows == (
        ("Square", "4/255", "80", "0.9800 (0.8820 to 1.0000)", "90.0% (81.0% to 99.0%)", "10.0% (9.0% to 11.0%)"),
    )
    assert tables[1].rows[0][:2] == ("Carlini-Wagner", "its own")


def test_clean_scans_flagged_and_the_attacked_classifier_are_told():
    assert "made against the detector's own classifier." in said(other())
    assert "At a stated rate of 1.0% 0.8% (0.7% to 0.9%) of 200 clean scans are flagged." in said(other())
    transferred = other(sources={"attacked_classifier_id": "c2"})
    assert "made against another classifier, c2." in said(transferred)
    assert "made against" not in said(other(sources={"attacked_classifier_id": None}) | {"sources": None})


def test_attacks_made_against_another_classifier_are_named_as_a_transfer():
    def ids(*others):
        return [one.id for one in told("tiny", static(), (), others=others).standards]

    assert "AML.T0043.002" not in ids(other())
    assert "AML.T0043.002" in ids(other(sources={"attacked_classifier_id": "c2"}))
    assert "NISTAML.025" in ids(other())


@pytest.mark.parametrize(
    ("cells", "kept_from", "says"),
    [
        ([cell("square", 4)], ALL_SHOWN, "was never shown any attack of this set: Square."),
        ([cell("pgd", 4), cell("cw", 0), cell("square", 4)], ALL_SHOWN,
         "Of its attacks the detector was never shown Carlini-Wagner, Square."),
        ([cell("pgd", 4), cell("fgsm", 4)], ALL_SHOWN, "was shown every attack of this set, at every radius."),
        ([cell("pgd", 4), cell("pgd", 2), cell("fgsm", 8)], ALL_SHOWN,
         "Never shown at that radius: PGD, 2/255; FGSM, 8/255."),
        ([cell("pgd", 4), cell("fgsm", 4)], NotShown(("pgd",)), "Of its attacks the detector was never shown PGD."),
        ([cell("pgd", 4), cell("pgd", 8)], NotShown((), (8 / 255 + 1e-8,)), "Never shown at that radius: PGD, 4/255."),
        ([cell("fgsm", 4)], NotShown((), (8 / 255,)), "was never shown any attack of this set: FGSM."),
    ],
)  # fmt: skip
def test_it_says_which_attacks_the_detector_was_never_shown(cells, kept_from, says):
    found = said(other(*cells), kept_from=kept_from)
    assert found.endswith(says)
    assert found.count("shown") == 1


def test_a_set_that_attacked_nothing_there_claims_nothing():
    assert said({**other(), "cells": []}).endswith("No scan of the split was attacked in this set.")


def test_another_rate_and_another_data_set_are_set_apart():
    assert "read them apart" not in said(other())
    assert "Its own set is judged at another rate, 1.0%: read them apart." in said(other(alpha=0.05))
    assert words(section(other()))[1].tone == "plain"
    elsewhere = other(sources={"dataset_id": "s2", "dataset_name": "elsewhere"})
    assert "another data set, elsewhere (s2): the calibration promises nothing there" in said(elsewhere)
    elsewhere["sources"]["calibrated_on"] = "local (s9)"
    assert "set on scans of another data set, local (s9): it promises nothing for these." in said(elsewhere)
    assert words(section(elsewhere))[1].tone == "warning"


def test_after_a_recalibration_its_own_scans_are_the_ones_that_are_promised_nothing():
    recalibrated = static()
    recalibrated["sources"]["calibrated_on"] = "local (s9)"
    at_home, there = other(sources={"calibrated_on": "local (s9)"}), other(sources={"dataset_id": "s9"})
    made = [document(told("tiny", recalibrated, (), others=[one])) for one in (at_home, there)]
    first, second = (next(one for one in found.sections if one.anchor == "others") for found in made)
    assert (words(first)[1].tone, words(second)[1].tone) == ("warning", "plain")
    assert "local (s9): it promises nothing for these." in words(first)[1].text
    assert "promises nothing" not in words(second)[1].text


def test_programs_get_them_as_they_were_kept():
    facts = told("tiny", static(), (), others=[other()], kept_from=NotShown(("pgd",), (4 / 255,))).to_json()
    assert facts["static"] == static()
    assert facts["other_static"] == [other()]
    assert facts["not_shown"] == {"leave_out": ["pgd"], "only_eps": [4 / 255]}


@pytest.mark.parametrize("name", ["alpha", "n_clean", "adversarial_id"])
def test_a_garbled_one_is_refused(name):
    facts = other()
    del facts[name]
    with pytest.raises(BadDetector, match=f"lacks or garbles '{name}'; make it anew with evaluate-detector"):
        told("tiny", static(), (), others=[facts])


def test_the_detectors_own_table_begins_with_what_it_was_not_shown():
    first = words(section(anchor="attacks", kept_from=NotShown(("pgd", "mim"), (2 / 255, 0.0))))[0].text
    assert "not shown: PGD, MIM; any radius but 2/255, what attacks find by themselves." in first
    assert "not shown" not in words(section(anchor="attacks"))[0].text
