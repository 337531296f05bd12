import itertools
import math

import pytest
import torch

from detector.errors import NotEnoughSamples
from detector.interface import Examples
from detector.spectrum import N_BANDS, N_TRIPLES, Spectrum, band_power, fit_discriminant, triple_shares
from tests.detector.examples import generator, random_pixels, seen


@pytest.mark.parametrize(
    "turned",
    [lambda x: x.rot90(1, (2, 3)), lambda x: x.rot90(2, (2, 3)), lambda x: x.flip(3), lambda x: x.transpose(2, 3)],
    ids=["quarter", "half", "mirror", "transposed"],
)
def test_turning_and_mirroring_change_nothing(turned):
    pixels = random_pixels(3, channels=3, height=24, width=17)
    torch.testing.assert_close(triple_shares(turned(pixels)), triple_shares(pixels), rtol=0, atol=1e-6)
    torch.testing.assert_close(band_power(turned(pixels)), band_power(pixels), rtol=1e-4, atol=1e-4)


def test_triples_are_counted_as_a_loop_counts_them():
    levels = torch.randint(0, 5, (1, 1, 6, 7), generator=generator())
    found = triple_shares(levels / 255)[0, :N_TRIPLES] ** 2
    classes: dict[frozenset, int] = {}
    rows = levels[0, 0].tolist()
    for lines in (rows, list(zip(*rows, strict=True))):
        for line in lines:
            residuals = [max(-2, min(2, b - a)) for a, b in itertools.pairwise(line)]
            for k in range(len(residuals) - 2):
                a, b, c = residuals[k : k + 3]
                alike = frozenset([(a, b, c), (-a, -b, -c), (c, b, a), (-c, -b, -a)])
                classes[alike] = classes.get(alike, 0) + 1
    total = sum(classes.values())
    expected = sorted((n / total for n in classes.values()), reverse=True)
    assert sorted(found[found > 0].tolist(), reverse=True) == pytest.approx(expected, rel=1e-4)


def test_there_is_a_class_for_each_orbit_of_sign_and_reversal():
    # Burnside: triples fixed by nothing, sign, reversal and both, over four.
    assert N_TRIPLES == (125 + 1 + 25 + 5) // 4


def test_the_shares_of_each_kind_sum_to_one():
    shares = triple_shares(random_pixels(4, channels=3)) ** 2
    torch.testing.assert_close(shares.view(4, 5, N_TRIPLES).sum(2), torch.ones(4, 5))


@pytest.mark.parametrize("frequency", [0.05, 0.12, 0.25, 0.4])
def test_a_wave_has_its_power_in_its_own_band(frequency):
    wave = 0.5 + 0.4 * torch.cos(2 * math.pi * frequency * torch.arange(64.0)).expand(1, 1, 64, 64)
    power = band_power(wave)[0]
    band = int(frequency / (0.5**0.5 / N_BANDS))
    assert abs(int(power.argmax()) - band) <= 1


def test_white_noise_has_the_same_power_in_every_band():
    noise = 0.5 + torch.randn(40, 1, 64, 64, generator=generator()) / 255
    # The lowest band lacks the mean, which is taken off.
    power = band_power(noise).exp().mean(0)[1:]
    torch.testing.assert_close(power, torch.ones(N_BANDS - 1), rtol=0.1, atol=0)


@pytest.mark.parametrize("size", [(8, 8), (9, 31)])
def test_small_images_leave_no_band_empty(size):
    pixels = random_pixels(2, height=size[0], width=size[1])
    assert Spectrum().measure(seen(pixels))[0].isfinite().all()


def test_one_channel_shown_three_times_is_measured_as_one():
    grey = random_pixels()
    coloured = random_pixels(channels=3)
    method = Spectrum()
    torch.testing.assert_close(method.measure(seen(grey.expand(-1, 3, -1, -1))), method.measure(seen(grey)))
    assert not torch.equal(method.measure(seen(coloured))[0], method.measure(seen(coloured[:, :1]))[0])


def test_it_tells_sign_noise_from_smooth_pictures():
    g = generator()
    smooth = torch.nn.functional.interpolate(torch.rand(60, 1, 4, 4, generator=g), size=32, mode="bicubic")
    smooth = (255 * smooth.clamp(0, 1)).round() / 255
    noisy = (smooth + (torch.randint(0, 2, smooth.shape, generator=g) * 2 - 1) / 255).clamp(0, 1)
    method = Spectrum()
    measured = method.measure(seen(torch.cat([smooth, noisy])))
    place = torch.arange(120)
    learned_from = place % 2 == 0
    examples = Examples(measured, place % 3, place >= 60, place < 60, place % 4)
    method.fit(examples.chosen(learned_from))
    score = method.suspicion(tuple(part[~learned_from] for part in measured))
    assert score[30:].min() > score[:30].max()


def test_the_discriminant_is_fishers_on_round_clouds():
    g = generator()
    n = 4000
    is_adv = torch.arange(n) < n // 2
    measured = torch.randn(n, 3, generator=g)
    measured[is_adv] += torch.tensor([2.0, 0.0, 0.0])
    fusion = fit_discriminant(measured, is_adv)
    weights = fusion.weights / fusion.spread
    # Precision (the identity) times the difference of the means.
    torch.testing.assert_close(weights, torch.tensor([2.0, 0.0, 0.0]), rtol=0.1, atol=0.15)


def test_a_statistic_that_never_varies_does_no_harm():
    measured = torch.randn(60, 4, generator=generator())
    measured[:, 1] = 0.25
    fusion = fit_discriminant(measured, torch.arange(60) < 30)
    assert fusion(measured).isfinite().all()


def test_it_refuses_to_learn_from_one_side():
    method = Spectrum()
    measured = method.measure(seen(random_pixels(20)))
    place = torch.arange(20)
    with pytest.raises(NotEnoughSamples, match="20 clean and 0 attacked"):
        method.fit(Examples(measured, place % 2, place < 0, place >= 0, place % 4))
