"""Attacks on scans of their own size, written as each kind of file and read again."""

import io
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image as Picture
from pydicom import dcmread

from datasets.decoding import decode
from datasets.encoding import FORMATS, encode
from datasets.errors import BadImage
from datasets.image import to_unit
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.outcome import BELOW_HALF_A_LEVEL
from pipeline.attacks.pgd import PGD
from pipeline.attacks.run import attack_levels
from pipeline.models.adapter import PixelModel
from pipeline.models.prediction import predict
from pipeline.models.spec import ClassifierSpec
from tests.pipeline.attacks.models import spec_of
from tests.pipeline.attacks.scans import HEIGHT, WIDTH, scan_model, scans

HELD = [
    *((name, bits, 1) for name, kind in FORMATS.items() if kind.lossless for bits in (8, 12, 16)),
    *((name, 8, 3) for name, kind in FORMATS.items() if kind.lossless),
]
EPS = 5.3 / 255  # No whole number of levels at any depth.


def read_as_classes(model: PixelModel, files: list[bytes]) -> list[int]:
    images = [decode(data) for data in files]
    return [predict(model, image.levels, image.bits) for image in images]


@pytest.mark.parametrize("seen_by", [1, 3], ids=["grey classifier", "RGB classifier"])
@pytest.mark.parametrize(("file_format", "bits", "channels"), HELD)
def test_the_decoded_file_fools_within_the_budget(seen_by: int, file_format: str, bits: int, channels: int) -> None:
    model = scan_model(seen_by)
    levels, y = scans(2, bits, channels, seed=5)
    found = attack_levels(model, PGD(eps=EPS), levels, bits, y, file_format=file_format)
    files = [encode(image, bits, file_format) for image in found.levels]
    assert [decode(data).bits for data in files] == [bits] * 2
    read = np.stack([decode(data).levels for data in files])
    np.testing.assert_array_equal(read, found.levels)
    assert found.success.all()
    assert read_as_classes(model, files) == found.pred_after.tolist()
    assert (found.pred_after != y).all()
    assert np.abs(read.astype(int) - levels).max() == math.floor(EPS * ((1 << bits) - 1))


@pytest.mark.parametrize("k", [1, 3])
def test_a_level_of_8_bits_is_257_of_16(k: int) -> None:
    for bits, unit in ((8, 1), (16, 257)):
        levels, y = scans(2, bits, seed=6)
        found = attack_levels(scan_model(), FGSM(eps=k / 255), levels, bits, y, file_format="dicom")
        assert np.abs(found.levels.astype(int) - levels).max() == k * unit


def test_a_file_of_16_bits_holds_what_is_below_a_level_of_8() -> None:
    eps = 0.9 / 255
    coarse, y = scans(6, 8, size=(64, 64), seed=5)
    fine, _ = scans(6, 16, size=(64, 64), seed=5)
    lost = attack_levels(scan_model(), PGD(eps=eps), coarse, 8, y, file_format="tiff")
    kept = attack_levels(scan_model(), PGD(eps=eps), fine, 16, y, file_format="tiff")
    assert set(lost.reason) == {BELOW_HALF_A_LEVEL}
    assert np.abs(kept.levels.astype(int) - fine).max() == math.floor(0.9 * 257)
    assert kept.success.any()


def test_the_smallest_change_holds_on_a_12_bit_dicom() -> None:
    levels, y = scans(2, 12, seed=5)
    found = attack_levels(
        scan_model(), CarliniWagner(search_steps=2, steps=30, c_first=10.0), levels, 12, y, file_format="dicom"
    )
    assert found.success.all()
    files = [encode(image, 12, "dicom", photometric="MONOCHROME1") for image in found.levels]
    assert read_as_classes(scan_model(), files) == found.pred_after.tolist()


def resized_by_pillow(grey: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Picture.fromarray(grey).resize((side, side), Picture.Resampling.BILINEAR))


@pytest.mark.parametrize("side", [64, 224])
def test_the_resize_in_the_graph_is_pillows_and_torchs(side: int) -> None:
    eight = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), dtype=np.uint8)
    model = PixelModel(scan_model_spec(side), torch.nn.Flatten())
    x = torch.from_numpy(to_unit(eight, 8))[None, None]
    ours = model.pixels(x)[0, 0].numpy()
    assert np.abs(np.rint(ours * 255) - resized_by_pillow(eight, side)).max() <= 1
    assert np.abs(ours - resized_by_pillow(eight.astype(np.float32) / 255, side)).max() <= 1e-5
    torchs = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)[0, 0].numpy()
    assert np.abs(ours - torchs).max() <= 1e-5


def scan_model_spec(side: int) -> ClassifierSpec:
    return spec_of(3, size=(side, side))


@pytest.mark.parametrize("side", [64, 224])
@pytest.mark.parametrize(("file_format", "bits"), [("png", 8), ("tiff", 16), ("dicom", 12)])
def test_the_attack_holds_for_a_reader_that_shares_no_code_with_us(side: int, file_format: str, bits: int) -> None:
    model = scan_model(size=side)
    levels, y = scans(3, bits, seed=5)
    found = attack_levels(model, PGD(eps=8 / 255), levels, bits, y, file_format=file_format)
    for image, label, pred in zip(found.levels, y.tolist(), found.pred_after.tolist(), strict=True):
        file = io.BytesIO(encode(image, bits, file_format))
        stored = dcmread(file).pixel_array if file_format == "dicom" else np.asarray(Picture.open(file))
        eight_or_float = stored if bits == 8 else (stored / ((1 << bits) - 1)).astype(np.float32)
        small = resized_by_pillow(eight_or_float, side) / (255 if bits == 8 else 1)
        with torch.no_grad():
            logits = model.network((torch.from_numpy(small).float()[None, None] - 0.5) / 0.25)
        assert int(logits.argmax()) == pred != label


def test_what_the_file_cannot_hold_is_refused_before_any_work() -> None:
    model = PixelModel(scan_model_spec(64), torch.nn.Identity())  # Gives no logits: it must not be asked.
    with pytest.raises(BadImage, match="grey of 12 bits cannot be written as JPEG, which holds 8"):
        attack_levels(model, FGSM(), *numbered(12), file_format="jpeg", quality=90)
    with pytest.raises(BadImage, match="quality None for a JPEG"):
        attack_levels(model, FGSM(), *numbered(8), file_format="jpeg")
    with pytest.raises(BadImage, match="no format 'gif'"):
        attack_levels(model, FGSM(), *numbered(8), file_format="gif")
    levels, _, y = numbered(12)
    with pytest.raises(BadImage, match="levels of type uint16, expected uint8 for 8 bits"):
        attack_levels(model, FGSM(), levels, 8, y, file_format="dicom")


def numbered(bits: int) -> tuple[np.ndarray, int, np.ndarray]:
    levels, y = scans(1, bits, size=(16, 16))
    return levels, bits, y
