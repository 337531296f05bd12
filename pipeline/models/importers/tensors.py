"""Named tensors brought to the form that our own files have."""

from collections.abc import Mapping

from torch import Tensor

# What wrappers put before every name: data-parallel training, compilation, Lightning.
_PREFIXES = ("module.", "_orig_mod.", "model.")

MAX_BYTES = 1 << 30
"""The largest classifier that is read; the largest registered one has 45 MB."""


def plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors in float32 (whole numbers stay), without a prefix that all names share."""
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    for prefix in _PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    return tensors
