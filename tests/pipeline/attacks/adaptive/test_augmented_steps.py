"""The steps of Carlini and Wagner's attack on augmented logits."""

import torch

from pipeline.attacks.adaptive.augmented_steps import _Search, _step
from pipeline.attacks.adaptive.ledger import Ledger
from pipeline.attacks.adaptive.problem import GateProblem
from pipeline.attacks.adaptive.registry import create_adaptive
from pipeline.attacks.adaptive.view import GateView
from pipeline.attacks.problem import pose
from tests.pipeline.attacks.adaptive.gates import real_gate


def test_a_scan_that_passes_as_another_class_than_the_target_is_kept() -> None:
    network, _, x, y = real_gate()
    attack = create_adaptive("augmented_cw", {"eps": 8 / 255})
    # A gate that accepts all, and scans that are wrong as they are: as the class after their label.
    labels = (y + 2) % 3
    posed = pose(attack, GateView(network, 1e6), x, labels, target=None, eps=None, mask=None, n_seeds=len(x))
    problem = GateProblem(**vars(posed))
    rows = torch.arange(len(x))
    search = _Search.begun(problem, rows, problem.x.clone(), (labels + 2) % 3)
    assert not (network.model(x).argmax(1) == (labels + 2) % 3).any()
    ledger = Ledger(problem, stop_on_success=True)
    _step(search, problem, attack, ledger, 1)
    assert (ledger.worth > 0).all()
    assert not ledger.going(rows).any()
