import numpy as np
import pytest
import torch

from detector.poisoned.strip import Strip
from pipeline.gate.blending import mean_entropy
from pipeline.gate.screening import open_gate
from pipeline.models.files import load_model


class Asked:
    """A session that gives the same probabilities for everything, and remembers what it was shown."""

    def __init__(self, probs):
        self.probs, self.seen = np.array(probs, np.float32), []

    def run(self, names, inputs):
        (pixels,) = inputs.values()
        self.seen.append(pixels)
        return [np.tile(self.probs, (len(pixels), 1))]


@pytest.mark.parametrize(("probs", "bits"), [((0.25,) * 4, 2.0), ((1.0, 0.0), 0.0), ((0.5, 0.5, 0.0), 1.0)])
def test_the_entropy_is_in_bits(probs, bits):
    overlays = np.zeros((5, 1, 8, 8), np.float32)
    assert mean_entropy(Asked(probs), overlays, overlays[0]) == pytest.approx(bits)


@pytest.mark.parametrize("m", [1, 32, 70])
def test_each_overlay_costs_one_pass_in_batches_and_is_cut_at_white(m):
    rng = np.random.default_rng(0)
    overlays, pixels = rng.random((m, 3, 8, 8), np.float32), rng.random((3, 8, 8), np.float32)
    session = Asked((0.5, 0.5))
    mean_entropy(session, overlays, pixels)
    assert max(len(batch) for batch in session.seen) <= 32
    seen = np.concatenate(session.seen)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen, np.clip(pixels + overlays, 0, 1))


def test_onnx_and_torch_give_the_same_entropies_and_the_same_verdicts(backdoored_chain):
    chain, strip = backdoored_chain, open_gate(backdoored_chain.gate.folder).strip
    items = [int(item) for item in chain.dataset.indices("test")[:60]]
    x = torch.from_numpy(np.stack([chain.dataset.levels(item) for item in items]).transpose(0, 3, 1, 2) / 255).float()
    x = torch.cat([x, torch.rand(20, 1, 28, 28, generator=torch.Generator().manual_seed(0))])
    model = load_model(chain.classifier)
    theirs = Strip(model, torch.from_numpy(strip.overlays.copy()))
    called = model(x).argmax(1).numpy()
    found = [strip.look(one, int(k)) for one, k in zip(x.numpy(), called, strict=True)]
    entropies, rule = theirs.entropy(x).numpy(), strip.point.rule
    np.testing.assert_allclose([one.wavering for one in found], entropies, atol=1e-5)
    near = np.isclose(rule.score(entropies, called), rule.threshold(strip.point.rate), atol=1e-3)
    fired = np.array([one.fired for one in found])
    np.testing.assert_array_equal(
        fired[~near], (rule.score(entropies, called) > rule.threshold(strip.point.rate))[~near]
    )


def test_a_scan_wavers_the_same_every_time(backdoored_chain):
    strip = open_gate(backdoored_chain.gate.folder).strip
    pixels = np.random.default_rng(1).random((1, 28, 28), np.float32)
    assert strip.look(pixels, 0).wavering == strip.look(pixels, 0).wavering
