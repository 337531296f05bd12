import numpy as np
import torch

from pipeline.models.resize import fit_levels
from pipeline.training.samples import prepare
from tests.pipeline.models.specs import small_spec
from tests.pipeline.training.small_dataset import small_dataset

_CPU = torch.device("cpu")


def test_holds_what_the_gate_would_show(tmp_path):
    dataset = small_dataset(tmp_path / "datasets")
    samples = prepare(dataset, "val", small_spec(), tmp_path / "val.npy")
    x, y = samples.batch(torch.tensor([3, 0]), _CPU)
    for row, index in zip(x, dataset.indices("val")[[3, 0]], strict=True):
        np.testing.assert_allclose(row.numpy(), fit_levels(dataset.levels(index), 8, small_spec()), atol=1e-5)
    assert y.tolist() == [1, 0]


def test_a_prepared_file_is_used_again(tmp_path):
    dataset = small_dataset(tmp_path / "datasets")
    calls = []
    for _ in range(2):
        samples = prepare(dataset, "train", small_spec(), tmp_path / "a.npy", lambda *told: calls.append(told))
    assert calls == [(0, 24, "preparing train images")]
    assert len(samples) == 24


def test_an_empty_split_has_no_samples(tmp_path):
    dataset = small_dataset(tmp_path / "datasets", n_val=0)
    assert len(prepare(dataset, "val", small_spec(), tmp_path / "val.npy")) == 0
