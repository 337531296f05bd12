"""A classifier seen through JPEG, and every attack run on it."""

import numpy as np
import pytest
import torch

from datasets.decoding import decode
from datasets.encoding import encode
from datasets.image import to_unit
from pipeline.attacks.budget import Norm
from pipeline.attacks.deepfool import DeepFool
from pipeline.attacks.outcome import LOST_BY_JPEG
from pipeline.attacks.pgd import PGD
from pipeline.attacks.registry import ATTACKS, create
from pipeline.attacks.run import attack_levels
from pipeline.attacks.through_jpeg import ThroughJpeg
from pipeline.attacks.universal import Universal
from pipeline.attacks.universal_fit import fit_universal
from pipeline.attacks.written import FileForm
from pipeline.models.adapter import PixelModel
from pipeline.models.prediction import predict
from tests.pipeline.attacks.models import linear_model, trained_model
from tests.pipeline.attacks.scans import scan_model, scans

SMALL = (64, 64)


def unit(levels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(to_unit(levels, 8)).permute(0, 3, 1, 2)


def through(model: PixelModel, quality: int) -> ThroughJpeg:
    return ThroughJpeg(model, FileForm(file_format="jpeg", quality=quality))


@pytest.mark.parametrize("channels", [1, 3])
def test_sees_to_the_bit_what_the_decoded_file_holds(channels: int) -> None:
    model = scan_model(channels)
    levels, _ = scans(3, channels=channels, size=SMALL, seed=5)
    read = np.stack([decode(encode(image, 8, "jpeg", quality=80)).levels for image in levels])
    assert (read != levels).any()
    assert torch.equal(through(model, 80)(unit(levels)), model(unit(read)))


def test_sees_each_image_without_its_neighbours() -> None:
    seen, levels = through(scan_model(), 75), scans(4, size=SMALL, seed=5)[0]
    pixels = seen.pixels(unit(levels))
    for k in range(4):
        assert torch.equal(seen.pixels(unit(levels[k : k + 1]))[0], pixels[k])


def test_the_slope_is_the_models_own_at_what_the_file_holds() -> None:
    model = scan_model()
    levels, _ = scans(3, size=SMALL, seed=5)
    read = np.stack([decode(encode(image, 8, "jpeg", quality=60)).levels for image in levels])
    slopes = []
    for classifier, given in ((through(model, 60), levels), (model, read), (model, levels)):
        x = unit(given).requires_grad_()
        slopes.append(torch.autograd.grad(classifier(x)[:, 0].sum(), x)[0])
    torch.testing.assert_close(slopes[0], slopes[1])
    assert not torch.allclose(slopes[0], slopes[2])


def test_leaves_the_model_as_it_was() -> None:
    model, x, _ = trained_model()
    modes = [module.training for module in model.modules()]
    wanted = [p.requires_grad for p in model.parameters()]
    seen = through(model, 90)
    with seen.frozen():
        assert not any(module.training for module in model.network.modules())
        assert not any(p.requires_grad for p in model.parameters())
        first = seen(x)
        assert torch.equal(seen(x), first)
    assert [module.training for module in model.modules()] == modes
    assert [p.requires_grad for p in model.parameters()] == wanted
    assert type(model).pixels is PixelModel.pixels


@pytest.mark.parametrize("name", list(ATTACKS))
def test_every_attack_ends_in_a_jpeg_that_fools(name: str) -> None:
    attack = create(name, {"eps": 8 / 255 if ATTACKS[name].NORM is Norm.LINF else 2.0} if ATTACKS[name].BOUNDED else {})
    model = scan_model()
    levels, y = scans(3, size=SMALL, seed=5)
    if isinstance(attack, Universal):
        attack = fit_universal(through(model, 75), levels, 8, y, eps=attack.eps, steps=10, seed=0).attack
    found = attack_levels(model, attack, levels, 8, y, file_format="jpeg", quality=75, through_file=True)
    files = [encode(image, 8, "jpeg", quality=75) for image in found.levels]
    preds = np.array([predict(model, decode(data).levels, 8) for data in files])
    np.testing.assert_array_equal(preds, found.pred_after)
    np.testing.assert_array_equal(found.success, preds != y)
    # What is added to every image alike turns them all to one class, in which one of the three was before.
    assert found.success.sum() >= (2 if isinstance(attack, Universal) else 3)
    change = unit(found.levels) - unit(levels)
    size = change.abs().max() if attack.NORM is Norm.LINF else change.flatten(1).norm(dim=1).max()
    assert size <= attack.radius * (1 + 1e-6)


def test_the_smallest_change_survives_only_where_it_was_found_through_jpeg() -> None:
    levels, y = scans(12, size=SMALL, seed=5)
    plain, seen = (
        attack_levels(scan_model(), DeepFool(), levels, 8, y, file_format="jpeg", quality=75, through_file=flag)
        for flag in (False, True)
    )
    assert plain.success.mean() <= 0.5
    assert set(plain.reason[~plain.success]) == {LOST_BY_JPEG}
    assert seen.success.mean() >= 0.9
    assert seen.l2.mean() < 1.3 * plain.l2.mean()


def test_does_not_depend_on_the_batch() -> None:
    model = scan_model()
    levels, y = scans(5, size=SMALL, seed=5)
    how = {"file_format": "jpeg", "quality": 90, "through_file": True}
    whole = attack_levels(model, PGD(), levels, 8, y, **how)
    order = np.array([3, 1, 4, 0, 2])
    parts = attack_levels(model, PGD(), levels[order], 8, y[order], batch_size=2, **how)
    np.testing.assert_array_equal(whole.levels[order], parts.levels)


def test_what_jpeg_turns_by_itself_is_no_success() -> None:
    model = linear_model(3, size=(16, 16))
    levels = np.random.default_rng(0).integers(0, 256, (40, 16, 16, 1), dtype=np.uint8)
    y = model(unit(levels)).argmax(1).numpy()
    read = np.stack([decode(encode(image, 8, "jpeg", quality=10)).levels for image in levels])
    turned = model(unit(read)).argmax(1).numpy() != y
    assert 0 < turned.sum() < 40
    found = attack_levels(model, PGD(eps=0.3), levels, 8, y, file_format="jpeg", quality=10, through_file=True)
    np.testing.assert_array_equal(found.status == "clean_wrong", turned)
    assert not found.success[turned].any()
    assert found.success[~turned].any()


def test_a_lossless_file_needs_no_wrapping() -> None:
    levels, y = scans(2, size=SMALL, seed=5)
    found = [attack_levels(scan_model(), PGD(), levels, 8, y, through_file=flag).levels for flag in (False, True)]
    np.testing.assert_array_equal(*found)


def test_pixels_between_levels_are_written_as_the_nearest_one() -> None:
    levels = scans(2, size=SMALL, seed=5)[0].clip(1, 250)
    seen = through(scan_model(), 90)
    torch.testing.assert_close(seen.pixels(unit(levels) + 0.4 / 255), seen.pixels(unit(levels)), atol=0, rtol=0)
    torch.testing.assert_close(seen.pixels(unit(levels) + 0.6 / 255), seen.pixels(unit(levels + 1)), atol=0, rtol=0)
