"""The slope of values by pixels, also of a model that has none."""

import torch
from torch import Tensor


def slope_of(values: Tensor, here: Tensor, *, retain_graph: bool = False) -> Tensor:
    """The gradient of the sum of `values` by `here`, of its shape.

    It is 0 where the values do not hang on `here` by any slope: a model that cuts its graph masks its gradients, which
    an attack reports and does not fall over.
    """
    if not values.requires_grad:
        return torch.zeros_like(here)
    found = torch.autograd.grad(values.sum(), here, retain_graph=retain_graph, allow_unused=True)[0]
    return torch.zeros_like(here) if found is None else found
