"""Where reports are kept, and that none vanishes."""

import pytest

from pipeline.artefacts import DataRoot
from pipeline.detector_report.kept import (
    keep_adaptive,
    keep_comparison,
    keep_other,
    keep_static,
    kept_adaptive,
    kept_comparison,
    kept_others,
    kept_static,
    static_or_refuse,
)
from pipeline.errors import BadDetector, NoReport
from tests.pipeline.detector_report.reports import adaptive, comparison, static


@pytest.fixture
def root(tmp_path):
    return DataRoot(tmp_path)


def test_a_later_static_report_replaces_and_a_later_adaptive_one_does_not(root):
    keep_static(root, static())
    keep_static(root, static(alpha=0.05))
    keep_adaptive(root, adaptive(best=0.9))
    keep_adaptive(root, adaptive(best=0.1))
    keep_adaptive(root, adaptive(best=0.1))
    assert kept_static(root, "d1") == static(alpha=0.05)
    assert sorted(run["rows"][0]["best"]["value"] for run in kept_adaptive(root, "d1")) == [0.1, 0.9]


def test_a_report_on_another_set_stands_beside_and_replaces_only_the_one_on_that_set(root):
    keep_static(root, static())
    first = keep_other(root, static(adversarial_id="a2"), name="Unseen")
    keep_other(root, static(adversarial_id="a3"), name="Theirs")
    assert keep_other(root, static(adversarial_id="a2", alpha=0.05), name="Unseen") == first
    assert first.name == "other-a2.json"
    assert kept_static(root, "d1") == static()
    assert kept_others(root, "d1") == [
        static(adversarial_id="a2", alpha=0.05, adversarial_name="Unseen"),
        static(adversarial_id="a3", adversarial_name="Theirs"),
    ]
    assert kept_adaptive(root, "d1") == []


def test_a_comparison_is_kept_for_the_detectors_that_it_is_about(root):
    keep_comparison(root, comparison(), of=["d1", "d2"])
    assert kept_comparison(root, "d1") == kept_comparison(root, "d2") == comparison()
    keep_comparison(root, {"detector_ids": ["d2"], "refused": "too few scans"}, of=["d2"])
    assert kept_comparison(root, "d1") == comparison()
    assert kept_comparison(root, "d2") == {"detector_ids": ["d2"], "refused": "too few scans"}


def test_a_detector_without_a_report_has_none(root):
    assert kept_static(root, "d1") is None
    assert kept_adaptive(root, "d1") == []
    assert kept_others(root, "d1") == []
    assert kept_comparison(root, "d1") is None
    with pytest.raises(NoReport, match="d1 has no report yet; make it with: python -m pipeline evaluate-detector d1"):
        static_or_refuse(root, "d1")
    assert not (root.path / "reports").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read"),
        ("[]", "no report on detector d1"),
        ('{"detector_id": "d2"}', "no report on detector d1"),
        ('{"detector_ids": ["d2"]}', "no report on detector d1"),
    ],
)
def test_a_broken_report_is_refused_with_the_way_out(root, text, says):
    keep_static(root, static()).write_text(text)
    with pytest.raises(BadDetector, match=f"{says}.*evaluate-detector"):
        kept_static(root, "d1")
    keep_other(root, static(adversarial_id="a2"), name="Unseen").write_text(text)
    with pytest.raises(BadDetector, match=f"{says}.*evaluate-detector --adversarial"):
        kept_others(root, "d1")
    for path in keep_comparison(root, comparison(), of=["d1"]):
        path.write_text(text)
    with pytest.raises(BadDetector, match=f"{says}.*compare-detectors"):
        kept_comparison(root, "d1")
    keep_adaptive(root, adaptive()).write_text(text)
    with pytest.raises(BadDetector, match=f"{says}.*attack-gate"):
        kept_adaptive(root, "d1")


@pytest.mark.parametrize("id_", ["../d1", "", ".."])
def test_an_id_that_leads_elsewhere_is_refused(root, id_):
    with pytest.raises(BadDetector, match="is no id of a detector"):
        kept_static(root, id_)
