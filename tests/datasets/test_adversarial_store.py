from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from datasets.adversarial_store import NUMBERS, TEXTS, AdversarialRows, concatenate, read_rows, write_rows
from datasets.atomic import sha256_file
from datasets.errors import BadArrays, DamagedStore, UnknownItem


def rows(numbers: range | list[int]) -> AdversarialRows:
    """Rows whose every value follows from their number, as different as rows can be."""
    i = np.array(numbers, dtype=np.int64)
    part = (i / 100).astype(np.float32)
    return AdversarialRows(
        parent=i // 3,
        label=i % 4,
        attack=np.array([("cw", "fgsm", "pgd")[n % 3] for n in numbers], dtype="U4"),
        eps=part,
        target=np.full_like(i, -1),
        pred_before=i % 4,
        pred_after=i % 3,
        confidence_before=part,
        confidence_after=1 - part,
        success=i % 2 == 0,
        status=np.array([("success", "failed")[n % 2] for n in numbers], dtype="U9"),
        reason=np.array(["ü" * (n % 5) for n in numbers], dtype="U5"),
        linf=part,
        l2=part,
        l0=part,
        steps=i,
        region=np.array([("image", "head", "no_head")[n % 3] for n in numbers], dtype="U7"),
        bits=np.full(len(i), 8, dtype=np.uint8),
        images=[np.random.default_rng(n).integers(0, 256, (8 + n % 4, 8, 1)).astype(np.uint8) for n in numbers],
    )


def assert_same(found: AdversarialRows, expected: AdversarialRows) -> None:
    for name in (*NUMBERS, *TEXTS, "bits"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert len(found) == len(expected)
    for row in range(len(expected)):
        np.testing.assert_array_equal(found.levels(row), expected.levels(row))


def test_rows_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.h5", rows(range(40)))
    assert_same(read_rows(tmp_path / "rows.h5"), rows(range(40)))


@pytest.mark.parametrize("cut", [1, 7, 300, 599])
def test_the_bytes_do_not_depend_on_how_rows_were_cut(tmp_path: Path, cut: int) -> None:
    write_rows(tmp_path / "whole.h5", rows(range(600)))
    write_rows(tmp_path / "head.h5", rows(range(cut)))
    write_rows(tmp_path / "tail.h5", rows(list(range(599, cut - 1, -1))))
    concatenate([tmp_path / "tail.h5", tmp_path / "head.h5"], tmp_path / "joined.h5")
    assert sha256_file(tmp_path / "joined.h5") == sha256_file(tmp_path / "whole.h5")


def test_no_row_at_all_is_a_case(tmp_path: Path) -> None:
    concatenate([], tmp_path / "none.h5")
    write_rows(tmp_path / "empty.h5", rows([]))
    concatenate([tmp_path / "empty.h5", tmp_path / "none.h5"], tmp_path / "both.h5")
    assert len(read_rows(tmp_path / "both.h5")) == 0


def test_deep_levels_are_kept(tmp_path: Path) -> None:
    image = np.full((8, 8, 1), 4095, dtype=np.uint16)
    write_rows(tmp_path / "a.h5", replace(rows([0]), bits=np.array([12], dtype=np.uint8), images=[image]))
    found = read_rows(tmp_path / "a.h5")
    assert found.bits.tolist() == [12]
    np.testing.assert_array_equal(found.levels(0), image)


def test_reads_what_was_written_before_rows_had_a_region(tmp_path: Path) -> None:
    write_rows(tmp_path / "rows.h5", rows(range(6)))
    with h5py.File(tmp_path / "rows.h5", "r+") as file:
        del file["columns/region"], file["format"]
        file.create_dataset("format", data=np.bytes_("scangate-adversarial-rows 1"))
    assert_same(read_rows(tmp_path / "rows.h5"), replace(rows(range(6)), region=np.full(6, "image")))


def test_refuses_an_unknown_region() -> None:
    with pytest.raises(BadArrays, match="region 'neck', expected one of image, head, no_head"):
        replace(rows([0]), region=np.array(["neck"]))


def test_refuses_a_row_that_is_not_there(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.h5", rows(range(3)))
    with pytest.raises(UnknownItem, match="no row 3; use 0 to 2"):
        read_rows(tmp_path / "a.h5").levels(3)


def test_refuses_columns_of_other_lengths() -> None:
    with pytest.raises(BadArrays, match=r"column eps: shape \(2,\), expected \(3,\)"):
        replace(rows(range(3)), eps=np.zeros(2, dtype=np.float32))


def test_refuses_a_status_it_does_not_know() -> None:
    with pytest.raises(BadArrays, match="status 'done', expected one of success, failed"):
        replace(rows([0]), status=np.array(["done"]))


@pytest.mark.parametrize("damage", [b"", b"not HDF5"])
def test_says_what_to_do_about_a_broken_file(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(damage)
    with pytest.raises(DamagedStore, match="make it again"):
        read_rows(tmp_path / "a.h5")
