import numpy as np
import pytest
import torch

from pipeline.models.registry import build_model, default_spec
from pipeline.poisoning.perturbation import CW, INTERPOLATED, METHODS, PGD, Perturbation
from pipeline.poisoning.perturbing import perturbed
from tests.pipeline.poisoning.pictures import CLASSES


@pytest.fixture
def proxy():
    spec = default_spec("SmallCNN", classes=CLASSES, channels=1, height=16, width=16)
    return build_model(spec, seed=1).eval()


ROWS = np.array([1, 4, 7, 10])


@pytest.mark.parametrize("method", [PGD, INTERPOLATED])
def test_stays_within_the_radius_and_on_the_lattice(dataset, proxy, method):
    changed = perturbed(proxy, dataset, ROWS, Perturbation(method=method, eps=0.8, steps=5))
    assert sorted(changed) == ROWS.tolist()
    for i, levels in changed.items():
        assert (levels.dtype, levels.shape) == (np.uint8, (16, 16, 1))
        assert np.linalg.norm((levels.astype(float) - dataset.levels(i)) / 255) <= 0.8 + 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_is_the_same_again_and_leaves_the_proxy_as_it_was(dataset, proxy, method):
    before = {name: value.clone() for name, value in proxy.state_dict().items()}
    how = Perturbation(method=method, eps=0.8, steps=5)
    one, other = (perturbed(proxy, dataset, ROWS, how) for _ in range(2))
    assert all((one[i] == other[i]).all() for i in ROWS)
    assert all(torch.equal(value, before[name]) for name, value in proxy.state_dict().items())


def test_interpolated_features_come_nearer_to_another_class(dataset, proxy):
    rows = np.array([i for i in range(60) if dataset.items[i].label == 1])
    how = Perturbation(method=INTERPOLATED, eps=2.0, steps=30, share=1.0)
    changed = perturbed(proxy, dataset, rows, how)

    def features(levels):
        x = torch.from_numpy(np.stack(levels).transpose(0, 3, 1, 2) / 255).float()
        with torch.no_grad():
            return proxy.features_and_logits(proxy.pixels(x))[0]

    others = features([dataset.levels(i) for i in range(60) if dataset.items[i].label != 1])
    before, after = (
        torch.cdist(features(some), others).min(dim=1).values.mean()
        for some in ([dataset.levels(i) for i in rows], [changed[i] for i in rows])
    )
    assert after < 0.8 * before


def test_pgd_raises_the_loss_of_what_the_proxy_has_right(dataset, proxy):
    x = np.stack(dataset.batch(range(30)))
    with torch.no_grad():
        right = proxy(torch.from_numpy(x.transpose(0, 3, 1, 2) / 255).float()).argmax(1).numpy() == dataset.labels[:30]
    rows = np.flatnonzero(right)
    assert len(rows) > 0
    changed = perturbed(proxy, dataset, rows, Perturbation(method=PGD, eps=2.0, steps=10))

    def margin(levels, y):
        with torch.no_grad():
            logits = proxy(torch.from_numpy(np.stack(levels).transpose(0, 3, 1, 2) / 255).float()).numpy()
        return logits[np.arange(len(y)), y]

    y = dataset.labels[rows]
    assert (margin([changed[i] for i in rows], y) < margin([dataset.levels(i) for i in rows], y)).all()


def test_carlini_wagner_goes_as_far_as_its_confidence(dataset, proxy):
    def lengths(kappa):
        changed = perturbed(proxy, dataset, ROWS, Perturbation(method=CW, kappa=kappa, steps=40))
        return np.array([np.linalg.norm(changed[i].astype(float) - dataset.levels(i)) for i in ROWS])

    near, far = lengths(0.0), lengths(1.0)
    assert (far >= near).all()
    assert far.sum() > near.sum()
