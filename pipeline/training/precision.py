"""Which device trains, and in which numbers."""

import torch

from pipeline.errors import BadTraining

# Measured with torch 2.13: on a CPU the bfloat16 gradient of a 3x3 convolution of a map of one pixel holds whatever lay
# in memory at the taps that see only padding. From this side on no registered architecture has such a map.
_MIN_SIDE_ON_CPU = 64


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


def reduced_type(device: torch.device, side: int) -> torch.dtype | None:
    """The short number type that the device multiplies well at this input size, None where it has none.

    float16 only on GPUs without bfloat16: it needs its loss scaled.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # torch has no public question for this; without the instruction bfloat16 is emulated and slow.
    in_hardware = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if in_hardware and side >= _MIN_SIDE_ON_CPU else None
