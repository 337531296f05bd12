"""What of an attack each kind of file keeps, counted again by hand."""

import json

import numpy as np
import pytest

from datasets.decoding import decode
from datasets.encoding import encode
from datasets.image import with_bits
from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.pgd import PGD
from pipeline.attacks.run import attack_levels
from pipeline.attacks.survival import Cell, _cell, pooled, survival
from pipeline.attacks.written import FileForm
from pipeline.errors import BadAttack
from pipeline.models.prediction import predict
from tests.pipeline.attacks.scans import scan_model, scans

SMALL = (64, 64)


def cell_of(cells: tuple[Cell, ...], through: int | None, file_format: str, bits: int, quality: int | None) -> Cell:
    wanted = (through, file_format, bits, quality)
    return next(c for c in cells if (c.attacked_through, c.file_format, c.bits, c.quality) == wanted)


@pytest.fixture(scope="module")
def cells() -> tuple[Cell, ...]:
    """The survival of DeepFool's small changes on twelve scans, one of them with another label."""
    levels, y = scans(12, size=SMALL, seed=5)
    y[3] = (y[3] + 1) % 3
    return survival(scan_model(), DeepFool(), levels, 8, y)


def test_there_is_a_cell_for_each_attack_and_each_file(cells: tuple[Cell, ...]) -> None:
    files = [("png", 8, None), ("png", 16, None), ("tiff", 8, None), ("tiff", 16, None), ("dicom", 8, None),
             ("dicom", 12, None), ("dicom", 16, None), ("jpeg", 8, 95), ("jpeg", 8, 90), ("jpeg", 8, 75)]  # fmt: skip
    found = [(c.attacked_through, c.file_format, c.bits, c.quality) for c in cells]
    assert found == [(through, *file) for through in (None, 95, 90, 75) for file in files]


@pytest.mark.parametrize(("through", "quality"), [(None, 90), (None, 75), (75, 75), (75, 95)])
def test_a_jpeg_counts_what_its_decoded_file_fools(cells: tuple[Cell, ...], through: int | None, quality: int) -> None:
    model = scan_model()
    levels, y = scans(12, size=SMALL, seed=5)
    y[3] = (y[3] + 1) % 3
    how = {} if through is None else {"file_format": "jpeg", "quality": through, "through_file": True}
    found = attack_levels(model, DeepFool(), levels, 8, y, **how)

    def preds(images: np.ndarray) -> np.ndarray:
        return np.array([predict(model, decode(encode(i, 8, "jpeg", quality=quality)).levels, 8) for i in images])

    right = (found.status != "clean_wrong") & (preds(levels) == y)
    fooled = right & (preds(found.levels) != y)
    cell = cell_of(cells, through, "jpeg", 8, quality)
    assert cell.n_right == right.sum() <= 11
    assert cell.n_success == (right & found.success).sum()
    assert cell.n_fooled == fooled.sum()
    assert cell.n_survived == (fooled & found.success).sum()


def test_files_that_lose_nothing_lose_no_success(cells: tuple[Cell, ...]) -> None:
    for file_format, bits in (("png", 8), ("png", 16), ("tiff", 8), ("tiff", 16), ("dicom", 8), ("dicom", 16)):
        cell = cell_of(cells, None, file_format, bits, None)
        assert (cell.n_right, cell.n_survived, cell.n_fooled) == (11, cell.n_success, cell.n_success)
        assert cell.n_success >= 10


def test_attacking_through_jpeg_keeps_what_a_plain_attack_loses(cells: tuple[Cell, ...]) -> None:
    plain, through = cell_of(cells, None, "jpeg", 8, 75), cell_of(cells, 75, "jpeg", 8, 75)
    assert plain.n_survived < 0.6 * plain.n_success
    assert through.n_survived == through.n_success >= 0.9 * through.n_right


def test_eight_bits_lose_an_attack_below_one_level() -> None:
    levels, y = scans(6, 16, size=SMALL, seed=5)
    levels, y = with_bits(with_bits(levels, 16, 8), 8, 16), y
    found = survival(scan_model(), PGD(eps=0.9 / 255), levels, 16, y, qualities=(), batch_size=4)
    deep, shallow = cell_of(found, None, "tiff", 16, None), cell_of(found, None, "png", 8, None)
    assert deep.n_survived == deep.n_success > 0
    rounded = attack_levels(scan_model(), PGD(eps=0.9 / 255), levels, 16, y).levels
    seen = [predict(scan_model(), with_bits(image, 16, 8), 8) for image in rounded]
    assert shallow.n_fooled == sum(np.array(seen) != y)
    assert shallow.n_success == deep.n_success


def test_colour_is_written_in_8_bits() -> None:
    levels, y = scans(3, channels=3, size=SMALL, seed=5)
    found = survival(scan_model(3), PGD(), levels, 8, y, qualities=(90,))
    assert {(c.file_format, c.bits) for c in found} == {("png", 8), ("tiff", 8), ("dicom", 8), ("jpeg", 8)}
    assert all(c.n_right == 3 for c in found)


def test_a_report_is_json_with_intervals_round_its_shares(cells: tuple[Cell, ...]) -> None:
    for cell in json.loads(json.dumps([cell.to_json() for cell in cells])):
        for share, hits, n in (("survived", "n_survived", "n_success"), ("fooled", "n_fooled", "n_right")):
            found = cell[share]
            assert found["value"] == cell[hits] / cell[n]
            assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1
    nothing = Cell(
        attacked_through=None, file_format="png", bits=8, quality=None, n_right=0, n_success=0, n_survived=0, n_fooled=0
    )
    assert nothing.to_json()["fooled"] is None


def test_groups_are_pooled_by_their_counts(cells: tuple[Cell, ...]) -> None:
    both = pooled([cells, cells])
    assert [c.n_survived for c in both] == [2 * c.n_survived for c in cells]
    assert [c.n_right for c in both] == [2 * c.n_right for c in cells]
    with pytest.raises(BadAttack, match="reports are of different files; make them with the same qualities"):
        pooled([cells, cells[1:]])


def test_a_scan_that_the_file_itself_turns_counts_for_no_attack() -> None:
    """Its class changes with the kind of file alone; an attack on it is not what fools there."""
    levels, y = scans(2, size=SMALL, seed=5)
    found = attack_levels(scan_model(), DeepFool(), levels, 8, y)
    assert found.success.all()
    turned = np.array([(y[0] + 1) % 3, y[1]])
    cell = _cell(found, y, turned, (y + 1) % 3, through=None, form=FileForm(file_format="jpeg", quality=90), bits=8)
    assert (cell.n_right, cell.n_success, cell.n_survived, cell.n_fooled) == (1, 1, 1, 1)
