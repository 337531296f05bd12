import torch

from detector.high_pass import N_FILTERS, HighPass, high_pass_bank


def test_every_filter_sums_to_zero_and_no_two_are_equal():
    bank = high_pass_bank()
    assert bank.shape == (N_FILTERS, 1, 5, 5)
    torch.testing.assert_close(bank.sum((1, 2, 3)), torch.zeros(N_FILTERS), atol=1e-6, rtol=0)
    assert len({tuple(kernel.flatten().tolist()) for kernel in bank}) == N_FILTERS


def test_flat_images_leave_nothing_up_to_the_border():
    torch.testing.assert_close(HighPass(1)(torch.full((1, 1, 9, 12), 0.6)), torch.zeros(1, 8, 9, 12), atol=1e-5, rtol=0)


def test_a_change_of_one_level_is_seen_at_its_own_size():
    pixels = torch.full((1, 1, 9, 9), 100 / 255)
    pixels[0, 0, 4, 4] += 1 / 255
    residuals = HighPass(1)(pixels)
    torch.testing.assert_close(residuals[0, :, 4, 4].abs(), torch.full((8,), 1 / 8), atol=1e-5, rtol=0)


def test_edges_are_cut_at_the_truncation():
    pixels = torch.zeros(1, 1, 9, 9)
    pixels[..., 4:] = 1
    assert HighPass(1)(pixels).abs().max() == 1


def test_colours_are_filtered_one_by_one():
    pixels = torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    apart = torch.cat([HighPass(1)(pixels[:, k : k + 1]) for k in range(3)], 1)
    torch.testing.assert_close(HighPass(3)(pixels), apart)
