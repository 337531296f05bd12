import pytest
import torch

from pipeline.errors import BadTraining
from pipeline.training.augmentation import augment
from pipeline.training.settings import Augmentation

_NONE = Augmentation(flip=0, rotation=0, scale=0, shift=0, contrast=0, brightness=0)


def _generator():
    return torch.Generator().manual_seed(3)


def test_no_change_is_the_same_image():
    x = torch.rand(3, 1, 9, 12)
    torch.testing.assert_close(augment(x, _NONE, _generator()), x, atol=1e-5, rtol=0)


def test_flip_mirrors_left_to_right():
    x = torch.rand(3, 2, 9, 12)
    how = Augmentation(flip=1, rotation=0, scale=0, shift=0, contrast=0, brightness=0)
    torch.testing.assert_close(augment(x, how, _generator()), x.flip(3), atol=1e-5, rtol=0)


def test_stays_in_the_unit_range():
    changed = augment(torch.rand(8, 1, 16, 16), Augmentation(brightness=1.0, contrast=1.0), _generator())
    assert changed.min() >= 0
    assert changed.max() <= 1


def test_the_same_generator_gives_the_same_images_and_each_its_own():
    x = torch.rand(1, 1, 16, 16).expand(4, -1, -1, -1)
    first, second = (augment(x, Augmentation(), _generator()) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    augment(torch.rand(2, 1, 8, 8, generator=_generator()), Augmentation(), _generator())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("values", "message"), [({"flip": 2}, "flip 2; give 0 to 1"), ({"shear": 1}, "shear")])
def test_refuses_other_values(values, message):
    with pytest.raises(BadTraining, match=message):
        Augmentation.from_json(values)
