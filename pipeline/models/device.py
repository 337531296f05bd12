"""Where a classifier runs."""

import torch

from pipeline.errors import BadDevice


def chosen_device(name: str) -> torch.device:
    """The device of this name; "auto" is the first GPU where there is one, else the CPU.

    Raises:
        BadDevice: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise BadDevice(f"no device {name!r}; give auto, cpu, cuda or cuda:0") from e
    if device.type not in ("cpu", "cuda"):
        raise BadDevice(f"device {name!r} is not supported; give auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadDevice(f"device {name!r}: this machine has {torch.cuda.device_count()} GPUs torch can use; give cpu")
    return device
