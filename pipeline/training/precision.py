"""In which numbers a device trains."""

import torch

# Measured with torch 2.13: on a CPU the bfloat16 gradient of a 3x3 convolution of a map of one pixel holds whatever lay
# in memory at the taps that see only padding. From this side on no registered architecture has such a map.
_MIN_SIDE_ON_CPU = 64


def reduced_type(device: torch.device, side: int) -> torch.dtype | None:
    """The short number type that the device multiplies well at this input size, None where it has none.

    float16 only on GPUs without bfloat16: it needs its loss scaled.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    # torch has no public question for this; without the instruction bfloat16 is emulated and slow.
    in_hardware = torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if in_hardware and side >= _MIN_SIDE_ON_CPU else None
