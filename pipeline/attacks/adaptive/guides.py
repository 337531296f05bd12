"""Clean scans of every class, as guides for what an attacked scan should look like to the classifier."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipeline.attacks.adaptive.problem import GateProblem
from pipeline.attacks.adaptive.view import GateView
from pipeline.errors import BadAttack


@dataclass(frozen=True, eq=False)
class Guides:
    """What the classifier makes of clean scans that the gate accepts and it has right."""

    features: Tensor  # (M, D)
    labels: Tensor  # (M,)
    spread: Tensor  # (D,)

    def join(self, problem: GateProblem) -> GateProblem:
        """The problem with a guide for each restart: of each other class the scan nearest to each image.

        Raises:
            BadAttack: the guides are all of the image's own class.
        """
        with torch.no_grad():
            own = problem.view.looked_at(problem.x)[0]
        apart = ((own[:, None] - self.features[None]) / self.spread).square().mean(2)  # (N, M)
        nearest, where = [], []
        for label in sorted(set(self.labels.tolist())):
            of_class = torch.where(self.labels == label, 0.0, torch.inf)
            far = torch.where(problem.y == label, torch.inf, 0.0)
            distance, index = (apart + of_class).min(1)
            nearest.append(distance + far)
            where.append(index)
        distances, order = torch.stack(nearest, 1).sort(1)  # (N, classes)
        n_usable = int(distances.isfinite().sum(1).min())
        if not n_usable:
            raise BadAttack("guides of the images' own class alone; give clean scans of other classes as well")
        chosen = torch.stack(where, 1).gather(1, order)[:, :n_usable]
        return replace(problem, guides=self.features[chosen], spread=self.spread)


@torch.no_grad()
def taken(view: GateView, x: Tensor, y: Tensor, *, batch: int = 16) -> Guides:
    """Guides from clean scans (M, C, H, W) of the classes (M,): those that are accepted and classified right.

    Raises:
        BadAttack: there are none, or only one, so that nothing says how features vary.
    """
    with view.frozen():
        seen = [view.looked_at(some) for some in torch.split(x, batch)]
    features, logits, room = (torch.cat(parts) for parts in zip(*seen, strict=True))
    usable = (logits.argmax(1) == y) & (room >= 0)
    if int(usable.sum()) < 2:
        raise BadAttack(
            f"{int(usable.sum())} of {len(x)} clean scans are accepted and right; give at least 2 as guides"
        )
    features = features[usable]
    # A feature that never varies is as important as the average one.
    spread = features.std(0)
    spread = torch.where(spread > 0, spread, spread.mean().clamp_min(1e-6))
    return Guides(features, y[usable], spread)
