import math

import numpy as np
import pytest

from detector.errors import FeatureMismatch, NotEnoughSamples
from detector.poisoned.parts import N_A_SIDE, Parts, choose_for_parts, windows


def images(n, value=0.0, side=16):
    return np.full((n, 1, side, side), value, np.float32)


def corner_or_mean(pixels):
    """Two classes: the second by a white corner alone, else the brighter half, the left one being the first."""
    left, right = pixels[..., :8].mean((1, 2, 3)), pixels[..., 8:].mean((1, 2, 3))
    logits = np.stack([left, right], 1) * 8
    logits[:, 1] += 50 * (pixels[:, 0, -2:, -2:].mean((1, 2)) > 0.99)
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def bright(n, half, side=16):
    x = images(n, side=side)
    x[..., slice(0, side // 2) if half == 0 else slice(side // 2, side)] = 0.8
    return x


def overlays():
    return np.concatenate([bright(2, 0), bright(2, 1)]), np.array([0, 0, 1, 1])


@pytest.mark.parametrize(("height", "width"), [(28, 28), (96, 97), (16, 40), (224, 224)])
def test_a_mark_of_an_eighth_of_the_sides_lies_whole_in_a_part_wherever_it_is(height, width):
    parts = windows(height, width)
    assert len(parts) == N_A_SIDE**2
    for tall, wide in ((1, 1), (2, 2), (height // 8, width // 8)):
        inside = np.zeros((height - tall + 1, width - wide + 1), bool)
        for rows, columns in parts:
            inside[rows.start : rows.stop - tall + 1, columns.start : columns.stop - wide + 1] = True
        assert inside.all()


@pytest.mark.parametrize("place", [(0, 0), (6, 0), (13, 26), (20, 26), (6, 9), (26, 26)])
def test_a_trigger_is_found_wherever_it_is(place):
    row, column = place

    def predict(pixels):
        mark = pixels[:, 0, row : row + 2, column : column + 2].min((1, 2)) > 0.99
        probs = np.full((len(pixels), 2), 0.5)
        probs[mark] = (0, 1)
        return probs

    x = np.random.default_rng(0).random((1, 28, 28), dtype=np.float32) * 0.9
    x[:, row : row + 2, column : column + 2] = 1
    parts = Parts(predict, images(2, side=28), np.zeros(2, np.int64))
    assert parts.wavering(x, 1) == 0
    assert parts.wavering(x * 0.9, 1) == 0.5


def test_an_image_of_few_pixels_has_no_empty_part():
    assert all(rows.stop > rows.start and columns.stop > columns.start for rows, columns in windows(3, 3))


def test_a_trigger_carries_its_class_and_an_honest_image_does_not():
    parts = Parts(corner_or_mean, *overlays())
    honest = bright(1, 1)[0]
    triggered = bright(1, 0)[0]
    triggered[:, -2:, -2:] = 1
    assert parts.wavering(triggered, 1) < 1e-6
    assert parts.wavering(honest, 1) > 0.9


def test_every_part_is_pasted_in_place_onto_every_overlay_of_another_class():
    seen = []

    def look(pixels):
        seen.append(pixels.copy())
        return np.full((len(pixels), 2), 0.5)

    over, called = overlays()
    x = np.random.default_rng(0).random((1, 16, 16), dtype=np.float32)
    assert Parts(look, over, called, batch=7).wavering(x, 1) == 0.5
    expected = []
    for rows, columns in windows(16, 16):
        for one in over[called != 1]:
            made = one.copy()
            made[:, rows, columns] = x[:, rows, columns]
            expected.append(made)
    assert max(map(len, seen)) == 6
    np.testing.assert_array_equal(np.concatenate(seen), np.stack(expected))


def test_the_best_part_counts_by_its_mean_over_the_overlays():
    over, called = overlays()

    def look(pixels):
        kept = np.where(pixels[:, 0, 0, 0] > 0.9, np.where(pixels[:, 0, 15, 0] > 0.5, 0.9, 0.5), 0.1)
        return np.stack([1 - kept, kept], 1)

    over[0, :, 15, 0], over[1, :, 15, 0] = 0.8, 0
    x = images(1, 0.5)[0]
    x[:, 0, 0] = 1
    assert Parts(look, over, called).wavering(x, 1) == pytest.approx(1 - (0.9 + 0.5) / 2)


def test_where_all_overlays_are_called_the_same_nothing_is_suspicious():
    over, called = overlays()
    assert Parts(corner_or_mean, over[called == 1], called[called == 1]).wavering(bright(1, 1)[0], 1) == 1


def test_no_number_of_the_classifier_is_no_number_here():
    parts = Parts(lambda pixels: np.full((len(pixels), 2), np.nan), *overlays())
    assert math.isnan(parts.wavering(bright(1, 1)[0], 1))


def test_images_of_another_size_and_overlays_without_classes_are_refused():
    over, called = overlays()
    with pytest.raises(FeatureMismatch, match=r"an image \(1, 8, 8\), overlays \(1, 16, 16\); expected the same size"):
        Parts(corner_or_mean, over, called).wavering(images(1, side=8)[0], 0)
    with pytest.raises(FeatureMismatch, match=r"classes \(3,\); expected \(m, C, H, W\) and \(m,\)"):
        Parts(corner_or_mean, over, called[:3])


def test_overlays_are_chosen_so_that_classes_take_turns():
    called = np.array([2, 2, 2, 0, 0, 1])
    assert called[choose_for_parts(called, 3)].tolist() == [2, 0, 1]
    assert choose_for_parts(called, 3).tolist() == [0, 3, 5]
    assert sorted(called[choose_for_parts(called, 5)].tolist()) == [0, 0, 1, 2, 2]
    assert choose_for_parts(called, 6).tolist() == list(range(6))


@pytest.mark.parametrize(("called", "m"), [([0, 0, 0], 2), ([0, 1], 3), ([0, 1], 1)])
def test_too_few_overlays_or_classes_are_refused(called, m):
    with pytest.raises(NotEnoughSamples, match=f"{m} overlays of {len(called)} clean images"):
        choose_for_parts(np.array(called), m)
