"""How the libraries are called: one line each where their doors differ."""

from typing import Any

import torch
from torch import Tensor

from tests.pipeline.attacks.parity.classifier import CLASSES, SIZE, Bench
from tests.pipeline.attacks.parity.peers import peer


def foolbox_attack(bench: Bench, attack: Any, eps: float | None, n: int | None = None) -> Tensor:
    """Its clipped images; `eps` is None for an attack that looks for the smallest change."""
    fb = peer("foolbox")
    model = fb.PyTorchModel(bench.peers_model, bounds=(0, 1), device="cpu")
    _, clipped, _ = attack(model, bench.x[:n], fb.criteria.Misclassification(bench.y[:n]), epsilons=eps)
    return clipped.detach()


def art_classifier(bench: Bench) -> Any:
    return peer("art.estimators.classification").PyTorchClassifier(
        model=bench.peers_model,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=(1, SIZE, SIZE),
        nb_classes=len(CLASSES),
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )


@torch.no_grad()
def success(bench: Bench, x_adv: Tensor) -> int:
    """How many images fool the classifier, counted by us for everybody."""
    return int((bench.model(x_adv).argmax(1) != bench.y[: len(x_adv)]).sum())
