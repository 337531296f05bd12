"""Slopes for what has none: rounding and cutting as they are forwards, the identity backwards."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_WITHOUT_SLOPE = frozenset(
    getattr(owner, name) for owner in (torch, Tensor) for name in ("round", "floor", "ceil", "clamp", "clip")
)


class StraightThrough(TorchFunctionMode):
    """Inside the block, slopes pass through rounding and cutting as if they were not there.

    The backward pass differentiable approximation of Athalye et al. 2018, arXiv:1802.00420, section 4.1.1. A detector
    rounds to levels or cuts residuals at a truncation; what lies beyond has no slope, and an attack would be blind to
    what brings it back. No answer changes by a bit.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call the function, with the identity for its slope where it has none."""
        kwargs = kwargs or {}
        if func not in _WITHOUT_SLOPE or not args or not isinstance(args[0], Tensor) or not args[0].requires_grad:
            return func(*args, **kwargs)
        return _Straight.apply(args[0], lambda x: func(x, *args[1:], **kwargs))  # type: ignore[no-untyped-call]


class _Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        return change(x)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None]:
        return slopes[0], None
