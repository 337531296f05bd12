import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from datasets.decoding import decode
from datasets.duplicates import pixels_sha256
from datasets.errors import BadImage
from datasets.image import encode_png, to_unit
from pipeline.attacks.carlini_wagner import CarliniWagner
from pipeline.attacks.fgsm import FGSM
from pipeline.attacks.outcome import BELOW_HALF_A_LEVEL, CLEAN_WRONG
from pipeline.attacks.pgd import PGD
from pipeline.attacks.registry import create
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadAttack
from pipeline.models.adapter import PixelModel
from pipeline.models.registry import build_model, default_spec
from tests.pipeline.attacks.models import linear_model


def preds(model: PixelModel, levels: np.ndarray, bits: int) -> np.ndarray:
    return model(torch.from_numpy(to_unit(levels, bits)).permute(0, 3, 1, 2)).argmax(1).numpy()


def images(bits: int = 8, n: int = 8, channels: int = 1, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    middle = 1 << (bits - 1)
    drawn = np.random.default_rng(bits).integers(middle - middle // 8, middle + middle // 8, (n, *size, channels))
    return drawn.astype(np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("attack", [FGSM(eps=16 / 255), CarliniWagner()], ids=["fgsm", "cw"])
def test_success_is_what_the_classifier_says_of_the_file(bits: int, attack: FGSM | CarliniWagner) -> None:
    model, levels = linear_model(3), images(bits)
    y = preds(model, levels, bits)
    found = attack_levels(model, attack, levels, bits, y)
    read = np.stack([decode(encode_png(image, bits)).levels for image in found.levels])
    np.testing.assert_array_equal(read, found.levels)
    np.testing.assert_array_equal(found.pred_after, preds(model, read, bits))
    np.testing.assert_array_equal(found.success, found.pred_after != y)
    assert found.success.mean() > 0.7


def test_columns_measure_the_change_on_the_file() -> None:
    model, levels = linear_model(3), images()
    found = attack_levels(model, FGSM(eps=4 / 255), levels, 8, preds(model, levels, 8))
    change = (found.levels.astype(float) - levels).reshape(8, -1)
    np.testing.assert_allclose(found.linf, 4 / 255, rtol=1e-6)
    np.testing.assert_allclose(found.l2, np.linalg.norm(change, axis=1) / 255, rtol=1e-6)
    np.testing.assert_array_equal(found.l0, (change != 0).sum(1))


def test_leaves_an_image_alone_that_was_wrong_before() -> None:
    model, levels = linear_model(3), images()
    y = preds(model, levels, 8)
    y[2] = (y[2] + 1) % 3
    found = attack_levels(model, FGSM(), levels, 8, y)
    assert found.status[2] == "clean_wrong"
    assert found.reason[2] == CLEAN_WRONG
    assert not found.success[2]
    np.testing.assert_array_equal(found.levels[2], levels[2])
    assert "clean_wrong" not in np.delete(found.status, 2)


def test_calls_an_attack_below_one_level_unchanged() -> None:
    model, levels = linear_model(3), images()
    found = attack_levels(model, FGSM(eps=0.4 / 255), levels, 8, preds(model, levels, 8))
    assert set(found.status) == {"unchanged"}
    assert set(found.reason) == {BELOW_HALF_A_LEVEL}
    np.testing.assert_array_equal(found.levels, levels)


def test_a_finer_file_holds_a_smaller_attack() -> None:
    model, levels = linear_model(3), images(16)
    found = attack_levels(model, FGSM(eps=0.4 / 255), levels, 16, preds(model, levels, 16))
    assert "unchanged" not in found.status
    assert (found.linf <= 0.4 / 255 * (1 + 1e-6)).all()


def test_nearly_every_cw_success_survives_the_file() -> None:
    model, levels = linear_model(4, seed=4), images(n=40)
    y = preds(model, levels, 8)
    attack = CarliniWagner(search_steps=8, steps=100)
    x = torch.from_numpy(to_unit(levels, 8)).permute(0, 3, 1, 2)
    plain = attack(model, x, torch.from_numpy(y), seeds=range(40))
    rounded = preds(model, (plain.x_adv * 255).round().byte().permute(0, 2, 3, 1).numpy(), 8) != y
    found = attack_levels(model, attack, levels, 8, y)
    assert plain.success.all()
    assert rounded.mean() < 0.9  # Without the repair the file loses many.
    assert found.success.all()
    assert found.l2.mean() <= 1.1 * (plain.x_adv - x).flatten(1).norm(dim=1).mean().item() + 4 / 255


def test_reaches_a_target_or_says_failed() -> None:
    model, levels = linear_model(4), images()
    y = preds(model, levels, 8)
    found = attack_levels(model, PGD(eps=2 / 255), levels, 8, y, target="least_likely")
    np.testing.assert_array_equal(found.success, found.pred_after == found.target)
    assert (found.target != y).all()
    assert set(found.status) <= {"success", "failed"}
    strong = attack_levels(model, PGD(eps=0.3), levels, 8, y, target=(y + 1) % 4)
    assert strong.success.all()
    np.testing.assert_array_equal(strong.pred_after, (y + 1) % 4)


def test_takes_a_radius_and_a_mask_for_each_image() -> None:
    model, levels = linear_model(3), images()
    eps = np.arange(8) / 255
    mask = np.zeros((8, 8, 8), dtype=bool)
    mask[:, :3] = True
    found = attack_levels(model, PGD(), levels, 8, preds(model, levels, 8), eps=eps, mask=mask)
    np.testing.assert_allclose(found.linf, eps, atol=1e-7)
    np.testing.assert_array_equal(found.levels[:, 3:], levels[:, 3:])


def test_seeds_hang_on_the_image_and_the_run() -> None:
    model, levels = linear_model(3), images()
    y = preds(model, levels, 8)
    attack = PGD(eps=8 / 255, alpha=0.0)  # Nothing but the random start.
    one = attack_levels(model, attack, levels, 8, y, seed=1)
    np.testing.assert_array_equal(one.levels, attack_levels(model, attack, levels, 8, y, seed=1).levels)
    assert (one.levels != attack_levels(model, attack, levels, 8, y, seed=2).levels).any()
    given = attack_levels(model, attack, levels, 8, y, seed=1, pixels_sha256=[pixels_sha256(i, 8) for i in levels])
    np.testing.assert_array_equal(one.levels, given.levels)


def test_tells_progress_between_batches_and_can_be_cancelled() -> None:
    model, levels = linear_model(3), images()
    y = preds(model, levels, 8)
    told: list[tuple[int, int]] = []
    attack_levels(model, FGSM(), levels, 8, y, batch_size=3, progress=lambda done, n, _: told.append((done, n)))
    assert told == [(0, 8), (3, 8), (6, 8), (8, 8)]

    def cancel(done: int, total: int, message: str) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        attack_levels(model, FGSM(), levels, 8, y, batch_size=3, progress=cancel)


def test_refuses_what_does_not_fit() -> None:
    model, levels = linear_model(3), images()
    y = preds(model, levels, 8)
    with pytest.raises(BadAttack, match="y: 3 values for 8 images"):
        attack_levels(model, FGSM(), levels, 8, y[:3])
    with pytest.raises(BadAttack, match=r"shape \(8, 8, 1\); give \(N, H, W, C\)"):
        attack_levels(model, FGSM(), levels[0], 8, y)
    with pytest.raises(BadAttack, match="another class to reach"):
        attack_levels(model, FGSM(), levels, 8, y, target=y)
    with pytest.raises(BadAttack, match=r"within \[0, 2\]"):
        attack_levels(model, FGSM(), levels, 8, y, target=np.full(8, 3))
    with pytest.raises(BadAttack, match=r"y of type int64; give whole numbers within \[0, 2\]"):
        attack_levels(model, FGSM(), levels, 8, np.full(8, 99))
    with pytest.raises(BadAttack, match="y of type float64; give whole numbers"):
        attack_levels(model, FGSM(), levels, 8, np.full(8, 0.5))
    with pytest.raises(BadAttack, match="target 'nearest'; give a class an image, or 'least_likely'"):
        attack_levels(model, FGSM(), levels, 8, y, target="nearest")  # type: ignore[arg-type]
    with pytest.raises(BadAttack, match="batch_size 0; give a whole number"):
        attack_levels(model, FGSM(), levels, 8, y, batch_size=0)
    with pytest.raises(BadAttack, match=r"mask of shape \(1, 8\); give \(8, 8\) or \(8, 8, 8\)"):
        attack_levels(model, FGSM(), levels, 8, y, mask=np.ones((1, 8), dtype=bool))
    with pytest.raises(BadAttack, match="lies within"):
        attack_levels(model, FGSM(), levels, 8, y, eps=np.full(8, 1.5))
    with pytest.raises(BadAttack, match="mask of shape"):
        attack_levels(model, FGSM(), levels, 8, y, mask=np.ones((3, 3), dtype=bool))
    with pytest.raises(BadImage, match="cannot be written as PNG"):
        attack_levels(model, FGSM(), images(12, channels=3), 12, y)


@pytest.mark.parametrize("name", ["bim", "pgd", "ddn"])
def test_another_batch_size_gives_the_same_outcome_at_full_size(name: str) -> None:
    """Convolutions round another way for another batch, so that at 224x224 some pixels may differ, and no outcome."""
    spec = default_spec("SequentialCNN", classes=("a", "b", "c"), channels=1, height=224, width=224)
    model = build_model(spec, seed=3)
    levels = np.random.default_rng(0).integers(0, 256, (4, 224, 224, 1), dtype=np.uint8)
    model.eval()
    with torch.no_grad():
        y = model(torch.from_numpy(levels / np.float32(255)).permute(0, 3, 1, 2)).argmax(1).numpy()
    attack = create(name, {"steps": 5})
    together, alone = (attack_levels(model, attack, levels, 8, y, batch_size=n) for n in (4, 1))
    np.testing.assert_array_equal(together.success, alone.success)
    assert (together.levels != alone.levels).mean() < 0.1


def test_equal_logits_do_not_end_a_run_towards_the_least_likely_class() -> None:
    model = linear_model(3)
    with torch.no_grad():
        model.network.head.weight.zero_()
        model.network.head.bias.zero_()
    levels = np.full((2, 8, 8, 1), 100, dtype=np.uint8)
    found = attack_levels(model, FGSM(), levels, 8, np.zeros(2, dtype=np.int64), target="least_likely")
    assert not found.success.any()
    assert found.target.tolist() == [1, 1]


class NanWhereBright(nn.Module):
    """Two logits that are numbers only below a brightness, as of a network that overflows."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(64, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = self.head(x.flatten(1))
        logits = torch.stack([logits[:, 0], logits[:, 0] + 1], 1)
        return torch.where((x.amax((1, 2, 3)) > 0.6)[:, None], torch.nan, logits)


def test_an_answer_that_is_no_number_after_the_attack_is_no_success() -> None:
    spec = dataclasses.replace(linear_model(2).spec, mean=(0.0,), std=(1.0,))
    model = PixelModel(spec, NanWhereBright())
    levels = np.full((3, 8, 8, 1), 128, np.uint8)
    found = attack_levels(model, FGSM(eps=64 / 255), levels, 8, np.ones(3, dtype=np.int64))
    assert not np.array_equal(found.levels, levels)
    assert not found.success.any()
    assert set(found.status) == {"failed"}
