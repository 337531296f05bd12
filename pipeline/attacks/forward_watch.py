"""Whether a model optimises while it answers, which hides from an attack what it does to the image."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import register_optimizer_step_pre_hook
from torch.overrides import TorchFunctionMode

# Reverse-mode gradients end in one of these, those of torch.func too; forward mode and differences do not.
_BACKWARD = frozenset({torch.autograd.grad, torch.autograd.backward, Tensor.backward})


class ForwardWatch(TorchFunctionMode):
    """What was called in its block; it lets everything pass, and only this thread is watched."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        super().__init__()
        self.optimises = False
        self._thread = threading.get_ident()

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Note a backward pass, then do what was asked."""
        self.optimises |= func in _BACKWARD
        return func(*args, **(kwargs or {}))

    def note_step(self, *_: object) -> None:
        """Note a step of an optimiser, which may come by its gradients without a backward pass."""
        self.optimises |= threading.get_ident() == self._thread


@contextmanager
def watched_forward() -> Iterator[ForwardWatch]:
    """Watch forward passes for backward passes and steps of an optimiser inside them.

    Nothing of torch is replaced. The watch and its hook are gone after the block, also when it raised. What the
    block itself asks for is seen as well, so a gradient through the model must be taken outside.
    """
    watch = ForwardWatch()
    hook = register_optimizer_step_pre_hook(watch.note_step)
    try:
        with watch:
            yield watch
    finally:
        hook.remove()
