"""Row 18: the resize is part of what is attacked, and is Pillow's."""

import copy
import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from datasets.image import encode_png
from pipeline.attacks.bim import BIM
from pipeline.attacks.pgd import PGD
from pipeline.attacks.run import attack_levels
from pipeline.models.adapter import PixelModel
from tests.pipeline.attacks.parity.classifier import Bench, spec_of
from tests.pipeline.attacks.parity.conftest import Record

UPLOAD, NET = (512, 430), 224
N = 8


@pytest.fixture(scope="module")
def uploads(bench: Bench) -> np.ndarray:
    """Scans (N, 512, 430, 1) as they may be uploaded."""
    large = F.interpolate(bench.x[:N], UPLOAD, mode="bicubic").clamp(0, 1)
    noise = 0.05 * torch.randn(large.shape, generator=torch.Generator().manual_seed(0)) * (large > 0)
    return ((large + noise).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def large_model(bench: Bench) -> PixelModel:
    """The same network, at 224 x 224."""
    return PixelModel(spec_of(NET), copy.deepcopy(bench.model.network)).eval().requires_grad_(False)


def test_row_18_the_resize_is_pillows(uploads: np.ndarray, large_model: PixelModel, record: Record) -> None:
    ours = large_model.pixels(torch.from_numpy(uploads).permute(0, 3, 1, 2) / 255)[:, 0]
    whole = np.stack([np.asarray(resized(Image.fromarray(image[..., 0]))) for image in uploads])
    floats = np.stack([np.asarray(resized(Image.fromarray(image[..., 0]).convert("F"))) for image in uploads])
    levels = float((ours * 255 - torch.from_numpy(whole.astype(np.float32))).abs().max())
    off = float((ours - torch.from_numpy(floats / 255)).abs().max())
    record(
        18,
        "512 x 430 to 224 x 224, Pillow's antialiased bilinear",
        required="<= 1 level in uint8, <= .01 in float",
        measured=f"{levels:.2f} levels, {off:.1e}",
        n=N,
        met=levels <= 1 and off <= 0.01,
    )


@pytest.mark.parametrize("attack", [PGD(eps=8 / 255), BIM(eps=8 / 255)], ids=["PGD", "BIM"])
def test_row_18_the_attack_holds_after_saving_and_pillows_reading(
    attack: PGD | BIM, uploads: np.ndarray, large_model: PixelModel, record: Record
) -> None:
    before = through_pillow(large_model, uploads).argmax(1)
    found = attack_levels(large_model, attack, uploads, 8, before.numpy())
    after = through_pillow(large_model, found.levels).argmax(1)
    kept = int((after != before)[torch.from_numpy(found.success)].sum())
    record(
        18,
        f"{attack.NAME} at 8/255 on the upload, saved, read and resized by Pillow",
        required="every success holds",
        measured=f"{kept} of {int(found.success.sum())} hold",
        n=N,
        met=kept == int(found.success.sum()) >= N // 2,
    )


def through_pillow(model: PixelModel, levels: np.ndarray) -> Tensor:
    """What the network says when nothing but Pillow reads and resizes the files."""
    read = [Image.open(io.BytesIO(encode_png(image, 8))).convert("F") for image in levels]
    small = np.stack([np.asarray(resized(image)) for image in read]) / 255
    with torch.no_grad():
        logits: Tensor = model(torch.from_numpy(small.astype(np.float32))[:, None].clamp(0, 1))
    return logits


def resized(image: Image.Image) -> Image.Image:
    return image.resize((NET, NET), Image.Resampling.BILINEAR)
