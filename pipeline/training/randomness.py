"""Random draws of one epoch that depend on nothing but the run's seed and the epoch's number."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def epoch_randomness(seed: int, epoch: int, device: torch.device) -> Iterator[torch.Generator]:
    """A generator on the CPU for order and augmentation; inside, dropout draws from its own seed too.

    The global generators are as before when the block ends, whatever happened in it.
    """
    generator = torch.Generator().manual_seed(_seed(seed, epoch, "order"))
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(_seed(seed, epoch, "dropout"))
        if devices:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(_seed(seed, epoch, "dropout"))
        yield generator


def _seed(seed: int, epoch: int, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed}/{epoch}/{purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
