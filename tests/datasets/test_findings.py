import pytest

from datasets.findings import LEFT_OUT, Finding, Kind, Overlap, report

OVERLAP = Overlap(exact_groups=1, exact_images=2, groups=1, images=3, across_splits=1, across_classes=0)


def made(*kinds: Kind, n_items: int) -> dict[str, object]:
    findings = [Finding(kind, f"{i}.png", "why") for i, kind in enumerate(kinds)]
    return report(n_files=4, n_items=n_items, counts={"train": [1, 2]}, overlap=OVERLAP, findings=findings)


def test_totals_add_up_and_every_finding_is_listed() -> None:
    found = made(Kind.EMPTY, Kind.NEAR_DUPLICATE, n_items=3)
    assert (found["n_files"], found["n_items"], found["n_left_out"]) == (4, 3, 1)
    assert found["n_by_kind"] == {"empty": 1, "near_duplicate": 1}
    assert found["findings"][1] == {"kind": "near_duplicate", "name": "1.png", "detail": "why"}
    assert found["duplicates"]["images"] == 3


@pytest.mark.parametrize("kind", sorted(LEFT_OUT))
def test_a_file_that_is_left_out_counts_once(kind: Kind) -> None:
    assert made(kind, n_items=3)["n_left_out"] == 1


def test_a_lost_file_cannot_go_unnoticed() -> None:
    with pytest.raises(AssertionError, match="4 files, 2 items, 1 left out"):
        made(Kind.EMPTY, n_items=2)
