import pytest
import torch

from detector.errors import NotFinite
from detector.marks import Marks
from detector.naming_training import MISSED, NamingLessons, fit_doubt, fit_naming, fit_temperature
from detector.types import TYPES

FGSM, PGD = TYPES.index("fgsm"), TYPES.index("pgd")


def scans(n, seed):
    """Smooth scans (3n, 1, 24, 24): as they are, under signs of 8 levels, and under whole numbers up to 8."""
    g = torch.Generator().manual_seed(seed)
    ramp = torch.linspace(0, 20, 24)[None, None, None] + torch.randint(60, 160, (3 * n, 1, 1, 1), generator=g)
    levels = ramp.round().expand(-1, 1, 24, 24).clone()
    levels[n : 2 * n] += 8 * (torch.randint(0, 2, (n, 1, 24, 24), generator=g) * 2 - 1)
    levels[2 * n :] += torch.randint(-8, 9, (n, 1, 24, 24), generator=g)
    return levels / 255, torch.tensor([0, FGSM, PGD]).repeat_interleave(n)


def lessons(n, seed):
    pixels, types = scans(n, seed)
    return NamingLessons(Marks(1)(pixels), types)


def test_it_names_what_it_was_shown_on_scans_it_was_not_shown():
    naming = fit_naming(1, lessons(20, 0), lessons(10, 1))
    pixels, types = scans(10, 2)
    probabilities = naming(pixels).softmax(1)
    assert torch.equal(probabilities.argmax(1), types)
    never_shown = [k for k in range(len(TYPES)) if k not in (0, FGSM, PGD)]
    assert probabilities[:, never_shown].max() < 0.05


def test_the_same_seed_gives_the_same_weights_and_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    first, second, other = (fit_naming(1, lessons(4, 0), lessons(4, 1), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert not torch.equal(first.hidden.weight, other.hidden.weight)


def test_without_an_attack_that_has_a_name_all_is_none_of_them():
    pixels, _ = scans(4, 0)
    nameless = NamingLessons(Marks(1)(pixels), torch.zeros(12, dtype=torch.long))
    assert set(fit_naming(1, nameless, nameless)(pixels).argmax(1).tolist()) == {0}


def test_marks_that_are_no_number_are_refused():
    broken = NamingLessons(torch.full((3, 936), float("nan")), torch.tensor([0, 1, 2]))
    with pytest.raises(NotFinite, match="marks of scans hold NaN or infinity"):
        fit_naming(1, broken, broken)


def test_the_temperature_takes_back_what_the_logits_were_scaled_by():
    g = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(4000, 3, generator=g)
    types = torch.multinomial(honest.softmax(1), 1, generator=g)[:, 0]
    assert fit_temperature(3 * honest, types) == pytest.approx(3, rel=0.15)
    assert fit_temperature(honest, types) == pytest.approx(1, rel=0.15)


def test_doubt_leaves_few_attacks_of_any_type_unknown_and_never_helps_none():
    g = torch.Generator().manual_seed(0)
    types = torch.tensor([1, 2]).repeat_interleave(400)
    logits = torch.randn(800, 3, generator=g)
    logits[:400, 0] += 4
    doubt = fit_doubt(logits, types)
    unknown = logits[:, 0] - doubt > logits[:, 1:].logsumexp(1)
    assert unknown[:400].float().mean() == pytest.approx(MISSED, abs=0.01)
    assert unknown[400:].float().mean() <= MISSED
    assert fit_doubt(logits - torch.tensor([99.0, 0, 0]), types) == 0


def test_attacks_that_look_like_clean_scans_are_doubted_to_be_none():
    pixels, types = scans(20, 0)
    marks = Marks(1)(pixels)
    # Every third attacked scan of the held-out ones has nothing done to it.
    marks[20:60:3] = marks[:14]
    naming = fit_naming(1, lessons(20, 0), NamingLessons(marks, types))
    assert naming.doubt > 1


def test_what_it_says_is_after_temperature_and_doubt():
    naming = fit_naming(1, lessons(6, 0), lessons(6, 1))
    pixels, _ = scans(2, 2)
    raw = naming.judge(naming.marks(pixels))
    naming.temperature.fill_(2)
    naming.doubt.fill_(3)
    torch.testing.assert_close(naming(pixels), raw / 2 - torch.tensor([3.0, 0, 0, 0, 0, 0]))
