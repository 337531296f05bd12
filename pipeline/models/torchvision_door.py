"""The only way to torchvision, which beside a CPU build of torch needs two operators declared first."""

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import torch

# Declared operators live as long as this object.
_declared: torch.library.Library | None = None


def torchvision_models() -> ModuleType:
    """The module `torchvision.models`, imported on first use.

    torchvision registers shape rules for `nms` and `qnms` while it is imported, and these names
    come from its compiled extension. Where that cannot be loaded they are declared without a
    body: no model here calls them.
    """
    _declare_operators()
    return importlib.import_module("torchvision.models")


def _declare_operators() -> None:
    global _declared
    if _declared is not None or _extension_loads():
        return
    # Only the types are missing from torch's own annotations here.
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    _declared = library


def _extension_loads() -> bool:
    found = importlib.util.find_spec("torchvision")
    folders = found.submodule_search_locations if found else None
    for extension in (file for folder in folders or () for file in sorted(Path(folder).glob("_C*.so"))):
        try:
            torch.ops.load_library(str(extension))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return hasattr(torch.ops.torchvision, "nms")
    return False
