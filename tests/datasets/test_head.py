import numpy as np
import pytest

from datasets.head import WHOLE_IMAGE, head_mask
from datasets.simulated.simulate import CLASSES, simulate_scan


def scan(bits: int = 8, channels: int = 1, noise: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    """A bright ring of skin round dimmer tissue with a black hole, noise in the air; and where the head is."""
    top = (1 << bits) - 1
    rows, columns = np.mgrid[-1:1:120j, -1:1:100j]
    distance = np.hypot(rows / 0.8, columns / 0.7)
    pixels = np.where(distance < 1, 0.5, 0.0) + np.where((distance > 0.9) & (distance < 1), 0.4, 0.0)
    pixels[np.hypot(rows, columns) < 0.2] = 0
    pixels = pixels + noise * np.abs(np.random.default_rng(0).normal(size=pixels.shape))
    levels = np.repeat((pixels.clip(0, 1) * top).astype(np.uint8 if bits == 8 else np.uint16)[..., None], channels, 2)
    return levels, distance < 1


def test_is_the_head_with_its_holes_and_a_small_margin() -> None:
    levels, head = scan()
    found = head_mask(levels, 8)
    assert found.found
    assert found.note == ""
    assert found.mask.shape == head.shape
    assert found.mask[head].all()
    assert head.sum() < found.mask.sum() < 1.2 * head.sum()


@pytest.mark.parametrize(("bits", "channels"), [(12, 1), (16, 1), (8, 3)])
def test_does_not_hang_on_depth_or_channels(bits: int, channels: int) -> None:
    np.testing.assert_array_equal(
        head_mask(scan(bits, channels, noise=0)[0], bits).mask, head_mask(scan(noise=0)[0], 8).mask
    )


def test_takes_neither_a_written_letter_nor_a_frame_line_for_head() -> None:
    levels, _ = scan()
    plain = head_mask(levels, 8).mask
    levels[3:12, 3:8] = 255
    levels[[0, -1]] = levels[:, [0, -1]] = 200
    marked = head_mask(levels, 8).mask
    assert (marked & plain).sum() > 0.97 * (marked | plain).sum()
    assert not marked[:12, :12].any()


@pytest.mark.parametrize(
    "levels",
    [
        np.zeros((40, 40, 1), dtype=np.uint8),
        np.full((40, 40, 1), 255, dtype=np.uint8),
        scan()[0][40:80, 35:65],
        np.random.default_rng(1).integers(0, 256, (64, 64, 1)).astype(np.uint8),
    ],
    ids=["black", "white", "inside", "noise"],
)
def test_says_when_there_is_no_background(levels: np.ndarray) -> None:
    found = head_mask(levels, 8)
    assert not found.found
    assert found.mask.all()
    assert found.note == WHOLE_IMAGE


@pytest.mark.parametrize("label", CLASSES)
def test_finds_the_head_of_a_simulated_scan(label: str) -> None:
    levels = simulate_scan(label, 0, size=96)
    found = head_mask(levels, 8)
    assert found.found
    assert 0.2 < found.mask.mean() < 0.9
    assert levels[..., 0][found.mask].mean() > 4 * levels[..., 0][~found.mask].mean()


def test_takes_the_smallest_image() -> None:
    assert head_mask(np.zeros((1, 1, 1), dtype=np.uint8), 8).mask.shape == (1, 1)
