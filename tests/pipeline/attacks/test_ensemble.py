"""The strong reference: who fooled which image, on the file and before it, and when not to believe it."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.attacks.apgd import APGD
from pipeline.attacks.ensemble import CLEAN, Ensemble, worst_case
from pipeline.attacks.ensemble_checks import ModelSigns, flags, signs
from pipeline.attacks.ensemble_report import RobustnessReport, evaluate_robustness
from pipeline.attacks.run import attack_levels
from pipeline.errors import BadAttack, BadClassifier
from pipeline.models.adapter import PixelModel
from tests.fixtures.gate import TinyChain
from tests.pipeline.attacks.models import linear_model, patterns, spec_of, trained_model

QUICK = {"steps": 30, "n_queries": 200}


@pytest.fixture(scope="module")
def trained() -> tuple[PixelModel, np.ndarray, np.ndarray]:
    """A classifier in evaluation mode, levels (48, 8, 8, 1), and classes, of which two are said wrong."""
    model, x, y = trained_model(4)
    y[:2] = (y[:2] + 1) % 4
    return model.eval(), levels_of(x), y.numpy()


def levels_of(x: Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def predicted(model: PixelModel, levels: np.ndarray, top: int = 255) -> np.ndarray:
    x = torch.from_numpy(levels.astype(np.float32) / np.float32(top)).permute(0, 3, 1, 2)
    return model(x).argmax(1).numpy()


def test_names_the_first_attack_that_fooled_each_image(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    worst = worst_case(model, Ensemble(eps=4 / 255, **QUICK), levels, 8, y)
    assert (worst.fooled_by[:2] == CLEAN).all()
    assert set(worst.fooled_by[2:]) == {"", "apgd", "apgd_t"}
    np.testing.assert_array_equal(predicted(model, worst.levels) != y, worst.fooled_by != "")
    assert np.abs(worst.levels.astype(int) - levels).max() == 4
    assert worst.linf[2:].max() == np.float32(4 / 255)
    first = attack_levels(model, Ensemble(eps=4 / 255, **QUICK).attacks[0], levels, 8, y)
    np.testing.assert_array_equal(worst.fooled_by == "apgd", first.success)


def test_is_at_least_as_strong_as_each_of_its_attacks(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    ensemble = Ensemble(eps=6 / 255, **QUICK)
    worst = worst_case(model, ensemble, levels, 8, y)
    for attack in ensemble.attacks:
        assert not (attack_levels(model, attack, levels, 8, y).success & (worst.fooled_by == "")).any()


def test_does_not_depend_on_the_batch(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    ensemble = Ensemble(eps=4 / 255, steps=15, n_queries=60)
    whole = worst_case(model, ensemble, levels, 8, y)
    order = np.random.default_rng(0).permutation(len(levels))
    shuffled = worst_case(model, ensemble, levels[order], 8, y[order], batch_size=5)
    np.testing.assert_array_equal(whole.fooled_by[order], shuffled.fooled_by)
    np.testing.assert_array_equal(whole.levels[order], shuffled.levels)


def test_tells_files_from_pixels_that_no_file_holds(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    below = worst_case(model, Ensemble(eps=0.9 / 255, **QUICK), levels, 8, y)
    np.testing.assert_array_equal(below.levels, levels)
    assert (below.fooled_by[2:] == "").all()
    assert (below.fooled_by_float[2:] != "").any()
    deep = worst_case(model, Ensemble(eps=0.9 / 255, **QUICK), levels.astype(np.uint16) * 257, 16, y)
    np.testing.assert_array_equal(deep.fooled_by, deep.fooled_by_float)
    np.testing.assert_array_equal(predicted(model, deep.levels, 65535) != y, deep.fooled_by != "")


def test_climbs_past_the_first_success_where_rounding_took_it_back() -> None:
    model = linear_model(2)
    weight = (model.network.head.weight[1] - model.network.head.weight[0]).detach()
    levels = np.full((64, 8, 8, 1), 128, dtype=np.uint8)
    # So near to the border that many a random start fools by itself, and some of those only until they are rounded.
    lead = 0.3 * float(weight.norm()) / 255 / 0.25
    middle = float((weight * (128 / 255 - 0.5) / 0.25).sum())
    with torch.no_grad():
        model.network.head.bias.copy_(torch.tensor([middle + lead, 0.0]))
    y, hashes = np.zeros(64, dtype=np.int64), [str(k) for k in range(64)]
    assert (predicted(model, levels) == 0).all()
    ensemble = Ensemble(eps=2 / 255, steps=20, n_queries=0)
    once = attack_levels(model, ensemble.attacks[0], levels, 8, y, pixels_sha256=hashes)
    assert once.success_float.all()
    assert not once.success.all()
    worst = worst_case(model, ensemble, levels, 8, y, pixels_sha256=hashes)
    assert (worst.fooled_by == "apgd").all()
    assert (predicted(model, worst.levels) == 1).all()


def test_says_how_far_it_is_and_can_be_stopped(trained: tuple[PixelModel, np.ndarray, np.ndarray]) -> None:
    model, levels, y = trained
    told: list[tuple[int, int]] = []
    ensemble = Ensemble(eps=4 / 255, steps=5, n_queries=20)
    worst_case(model, ensemble, levels, 8, y, batch_size=16, progress=lambda done, total, _: told.append((done, total)))
    assert told[-1] == (3 * 48, 3 * 48)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {3 * 48}

    def stop(done: int, total: int, message: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        worst_case(model, ensemble, levels, 8, y, progress=stop)


class _Noisy(nn.Module):
    """Logits with a little chance in them."""

    def __init__(self) -> None:
        super().__init__()
        self.head = linear_model(3).network.head
        self.source = torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        logits = self.head(x.flatten(1))
        return logits + 0.01 * torch.randn(logits.shape, generator=self.source)


class _Shares(nn.Module):
    """A softmax that its spec does not tell of."""

    def __init__(self) -> None:
        super().__init__()
        self.head = linear_model(3).network.head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x.flatten(1)).softmax(1)


def looked_at(model: PixelModel) -> ModelSigns:
    x, _ = patterns(6, 3)
    with model.frozen():
        return signs(model, x, model(x).argmax(1))


def test_sees_nothing_wrong_with_a_plain_model() -> None:
    assert looked_at(linear_model(3)) == ModelSigns(n=6, probabilities=False)
    assert flags(looked_at(linear_model(3)), n_nan=0, n_square=0) == ()


def test_sees_chance_and_probabilities() -> None:
    assert looked_at(PixelModel(spec_of(3), _Noisy())).random
    assert looked_at(PixelModel(spec_of(3), _Shares())).probabilities
    # Where the spec names the head, the adapter makes logits of them.
    assert not looked_at(PixelModel(spec_of(3, head="probabilities"), _Shares())).probabilities


def test_sees_flat_gradients_and_nan() -> None:
    assert looked_at(linear_model(3, scale=1e6)).n_zero_gradient > 0
    broken = linear_model(3)
    with torch.no_grad():
        broken.network.head.bias.fill_(torch.nan)
    assert looked_at(broken).n_nan == 6
    assert not looked_at(broken).random


def test_says_each_warning_in_words() -> None:
    bad = ModelSigns(n=500, random=True, probabilities=True, optimises=True, n_zero_gradient=3, n_nan=1)
    said = flags(bad, n_nan=1, n_square=2)
    words = ("random", "probabilities", "optimises", "exactly zero", "no finite numbers", "Square")
    assert len(said) == len(words)
    assert all(word in flag for word, flag in zip(words, said, strict=True))
    fine = ModelSigns(n=500, probabilities=False)
    assert flags(fine, n_nan=0, n_square=1) == ()  # One image of 500 is no more than .2 points.
    assert len(flags(fine, n_nan=0, n_square=2)) == 1


@pytest.fixture(scope="module")
def report(tiny_chain: TinyChain) -> RobustnessReport:
    ensemble = Ensemble(eps=2 / 255, steps=10, n_queries=30)
    return evaluate_robustness(tiny_chain.classifier, tiny_chain.dataset, ensemble, n_images=12)


def test_reports_on_a_data_set(report: RobustnessReport, tiny_chain: TinyChain) -> None:
    assert report.n == len(report.images) == 12
    assert {image.label for image in report.images} == {0, 1}
    assert {image.index for image in report.images} <= set(tiny_chain.dataset.indices("test").tolist())
    fooled = [image.fooled_by for image in report.images]
    assert report.robust_accuracy == fooled.count("") / 12
    assert report.clean_accuracy == (12 - fooled.count(CLEAN)) / 12
    assert report.robust_accuracy_float <= report.robust_accuracy <= report.clean_accuracy
    assert report.robust_interval[0] <= report.robust_accuracy <= report.robust_interval[1]
    left = round(report.clean_accuracy * 12)
    for stage in report.stages:
        assert (stage.n_tried, stage.n_robust) == (left, left - stage.n_fooled)
        left = stage.n_robust
    assert left == fooled.count("")
    again = evaluate_robustness(
        tiny_chain.classifier, tiny_chain.dataset, Ensemble(eps=2 / 255, steps=10, n_queries=30), n_images=12
    )
    assert again == report


def test_report_reads_as_table_and_as_json(report: RobustnessReport) -> None:
    assert json.loads(json.dumps(report.to_json()))["eps"] == 2 / 255
    table = dataclasses.replace(report, flags=("beware",)).table().splitlines()
    assert table[0].startswith(f"robust accuracy {report.robust_accuracy:.2%} of 12 images at eps 2/255 (95 % interval")
    assert [line.split()[0] for line in table[3:]] == ["apgd", "apgd_t", "square", "warning:"]


def test_everything_falls_to_a_large_radius(tiny_chain: TinyChain) -> None:
    found = evaluate_robustness(
        tiny_chain.classifier, tiny_chain.dataset, Ensemble(eps=64 / 255, steps=30, n_queries=0), n_images=8
    )
    assert found.robust_accuracy == 0
    assert [stage.attack for stage in found.stages] == ["apgd", "apgd_t"]


def test_refuses_what_does_not_fit(tiny_chain: TinyChain) -> None:
    spec = dataclasses.replace(tiny_chain.classifier.spec, classes=("up", "down"))
    other = dataclasses.replace(tiny_chain.classifier, spec=spec)
    with pytest.raises(BadClassifier, match=r"tells apart up, down; .* has left, right"):
        evaluate_robustness(other, tiny_chain.dataset, Ensemble())
    with pytest.raises(BadClassifier, match="no image in the split 'dropped'"):
        evaluate_robustness(tiny_chain.classifier, tiny_chain.dataset, Ensemble(), split="dropped")
    with pytest.raises(BadAttack, match=r"n_queries -1; give a whole number within \[0,"):
        Ensemble(n_queries=-1)
    with pytest.raises(BadAttack, match="steps 0; give a whole number"):
        Ensemble(steps=0)
    assert isinstance(Ensemble().attacks[0], APGD)
