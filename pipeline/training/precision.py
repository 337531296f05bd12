"""Which device trains, and in which numbers."""

import torch

from pipeline.errors import BadTraining


def chosen_device(name: str) -> torch.device:
    """The device of this name; "auto" is the first GPU where there is one, else the CPU.

    Raises:
        BadTraining: torch knows no such device, or this machine has none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as e:
        raise BadTraining(f"no device {name!r}; give auto, cpu, cuda or cuda:0") from e
    if device.type not in ("cpu", "cuda"):
        raise BadTraining(f"device {name!r} is not supported; give auto, cpu, cuda or cuda:0")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise BadTraining(f"device {name!r}: this machine has {torch.cuda.device_count()} GPUs torch can use; give cpu")
    return device


def reduced_type(device: torch.device) -> torch.dtype | None:
    """The short number type that the device multiplies in hardware, None where it has none.

    float16 only on GPUs without bfloat16: it needs its loss scaled.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # torch has no public question for this; without the instruction bfloat16 is emulated and slow.
    return torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() else None
