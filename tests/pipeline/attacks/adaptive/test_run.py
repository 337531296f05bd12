"""Adaptive attacks on files: success is the gate's word on what was written and decoded again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from datasets.decoding import decode
from datasets.encoding import encode
from pipeline.attacks.adaptive import run as running
from pipeline.attacks.adaptive.attack import AdaptiveAttack
from pipeline.attacks.adaptive.ledger import GateResult
from pipeline.attacks.adaptive.registry import create_adaptive
from pipeline.attacks.adaptive.run import GateAt, attack_gate
from pipeline.attacks.written import FileForm
from pipeline.errors import BadAttack
from tests.pipeline.attacks.adaptive.gates import TAU, N, half_watched_gate, real_gate


def scans_of(x: torch.Tensor) -> np.ndarray:
    return (x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


@pytest.fixture
def stopped():
    network, x, y = half_watched_gate()
    return GateAt(network, TAU), scans_of(x), y.numpy()


@dataclass(frozen=True, kw_only=True)
class Boasting(AdaptiveAttack):
    """Says to have won with pixels that it made up; a fake."""

    NAME = "boasting"
    change: float = 0.3 / 255

    def solve(self, problem, seeds: Sequence[int], tick) -> GateResult:
        n = len(seeds)
        won = torch.ones(n, dtype=torch.bool)
        return GateResult(
            problem.x + self.change, won, torch.zeros(n, dtype=torch.int64), ("",) * n, torch.ones(n), torch.ones(n, 1)
        )


def test_success_is_confirmed_on_the_decoded_file(stopped) -> None:
    gate, levels, y = stopped
    found = attack_gate(gate, create_adaptive("joint_pgd", {"eps": 16 / 255}), levels, 8, y)
    assert found.success.all()
    for image, own, score, pred in zip(found.levels, y, found.score, found.pred, strict=True):
        read = decode(encode(image, 8, "png")).levels
        with torch.no_grad():
            out = gate.network(torch.from_numpy(read.astype(np.float32) / 255).permute(2, 0, 1)[None])
        assert int(out.probs.argmax()) == pred != own
        assert float(out.score) == pytest.approx(score)
        assert score <= gate.tau
    assert (np.abs(found.levels.astype(int) - levels).max() <= 16) & (found.linf.max() <= 16 / 255)


def test_what_a_reader_gets_is_judged_and_not_what_was_written(stopped, monkeypatch) -> None:
    gate, levels, y = stopped

    class Undone(FileForm):
        def as_read(self, written: np.ndarray, bits: int) -> np.ndarray:
            return levels

    monkeypatch.setattr(running, "PNG", Undone())
    found = attack_gate(gate, create_adaptive("joint_pgd", {"eps": 16 / 255, "steps": 20}), levels, 8, y)
    assert (found.levels != levels).any()
    assert (found.curve[:, -1] > 0).all()
    assert not found.success.any()


def test_the_word_of_an_attack_counts_for_nothing(stopped) -> None:
    gate, levels, y = stopped
    found = attack_gate(gate, Boasting(), levels, 8, y)
    np.testing.assert_array_equal(found.levels, levels)
    assert not found.success.any()


def test_wrong_but_flagged_is_no_success(stopped) -> None:
    gate, levels, y = stopped
    # Lighter by more than the classifier's margin, everywhere: the left half is seen.
    found = attack_gate(gate, Boasting(change=0.3), levels, 8, y)
    assert (found.score > gate.tau).all()
    assert not found.success.any()


def test_what_the_classifier_has_wrong_is_not_attacked(stopped) -> None:
    gate, levels, y = stopped
    y = y.copy()
    y[2] = 1 - y[2]
    found = attack_gate(gate, create_adaptive("joint_pgd", {"eps": 16 / 255, "steps": 10}), levels, 8, y)
    assert found.attacked.tolist() == [True, True, False, True, True, True]
    np.testing.assert_array_equal(found.levels[2], levels[2])
    assert not found.success[2]
    assert np.isnan(found.curve[2]).all()


def test_holds_its_budget_in_levels_of_16_bits(stopped) -> None:
    gate, levels, y = stopped
    deep = levels.astype(np.uint16) * 257
    found = attack_gate(gate, create_adaptive("augmented_cw", {"eps": 16 / 255, "steps": 20}), deep, 16, y)
    assert np.abs(found.levels.astype(int) - deep).max() <= 16 * 257
    assert (found.levels % 257 != 0).any()


def test_colour_and_other_sizes_are_attacked_through_the_fitting() -> None:
    network, _, _ = half_watched_gate()
    rng = np.random.default_rng(0)
    levels = rng.integers(110, 145, (4, 11, 17, 3), dtype=np.uint8)
    gate = GateAt(network, 10.0)
    y = gate.judged(levels, 8).pred
    found = attack_gate(gate, create_adaptive("orthogonal_pgd", {"eps": 0.3, "steps": 20}), levels, 8, y)
    assert found.levels.shape == levels.shape
    assert found.success.all()


def test_does_not_depend_on_batch_or_order(stopped) -> None:
    gate, levels, y = stopped
    attack = create_adaptive("orthogonal_pgd", {"eps": 6 / 255, "steps": 10})
    whole = attack_gate(gate, attack, levels, 8, y)
    order = np.array([3, 0, 5, 1, 4, 2])
    other = attack_gate(gate, attack, levels[order], 8, y[order], batch_size=2)
    np.testing.assert_array_equal(whole.levels[order], other.levels)
    np.testing.assert_array_equal(whole.success[order], other.success)


def test_a_transfer_asks_the_surrogate_alone_and_is_judged_by_the_gate(stopped) -> None:
    gate, levels, y = stopped
    blind = GateAt(half_watched_gate()[0], 100.0)  # Accepts everything, so that nothing is hidden from it.
    attack = create_adaptive("surrogate_transfer", {"eps": 16 / 255, "steps": 30})
    with_blind = attack_gate(gate, attack, levels, 8, y, surrogate=blind)
    assert with_blind.wrong.all()
    assert not with_blind.success.any()
    assert (with_blind.curve[:, -1] > 0).all()
    alike = attack_gate(gate, attack, levels, 8, y, surrogate=GateAt(half_watched_gate()[0], TAU))
    assert alike.success.all()


def test_progress_reaches_the_end_and_may_stop(stopped) -> None:
    gate, levels, y = stopped
    told: list[tuple[int, int, str]] = []
    attack = create_adaptive("joint_pgd", {"steps": 2})
    attack_gate(gate, attack, levels, 8, y, batch_size=4, progress=lambda *said: told.append(said))
    assert [done for done, _, _ in told] == [0, 4, N]
    with pytest.raises(KeyboardInterrupt):
        attack_gate(gate, attack, levels, 8, y, progress=_stop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(2, np.int64)}, "y: 2 values for 6 images; give one an image"),
        ({"pixels_sha256": ["a"]}, "pixels_sha256: 1 values for 6 images"),
        ({"levels": np.zeros((8, 8, 1), np.uint8)}, r"levels of shape \(8, 8, 1\); give"),
        ({"attack": create_adaptive("surrogate_transfer")}, "surrogate_transfer without a surrogate; give"),
        ({"attack": create_adaptive("feature_matching")}, "feature_matching without guides; give clean scans"),
    ],
)
def test_refuses_what_does_not_fit(stopped, change: dict[str, object], message: str) -> None:
    gate, levels, y = stopped
    given = {"attack": create_adaptive("joint_pgd"), "levels": levels, "bits": 8, "y": y, **change}
    with pytest.raises(BadAttack, match=message):
        attack_gate(gate, **given)


def test_refuses_a_surrogate_of_other_classes(stopped) -> None:
    gate, levels, y = stopped
    other = GateAt(real_gate()[0], 0.0)
    with pytest.raises(BadAttack, match="the surrogate's classifier tells other classes apart"):
        attack_gate(gate, create_adaptive("surrogate_transfer"), levels, 8, y, surrogate=other)


def test_a_gate_that_gives_no_number_passes_nothing(stopped) -> None:
    gate, levels, y = stopped
    with torch.no_grad():
        gate.network.detector.scale.fill_(torch.nan)
    found = attack_gate(gate, create_adaptive("selective_pgd", {"eps": 16 / 255, "steps": 5}), levels, 8, y)
    assert not found.success.any()


def _stop(*_: object) -> None:
    raise KeyboardInterrupt
