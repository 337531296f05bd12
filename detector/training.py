"""Training of the residual network, one batch at a time, with a running average of its weights."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detector.errors import NotEnoughSamples
from detector.residual import ResidualNetwork

_WARMUP_SHARE = 0.1
_WEIGHT_DECAY = 1e-2
_MAX_GRADIENT = 5.0


@dataclass(frozen=True)
class Batch:
    """What one step learns from."""

    pixels: Tensor  # (N, C, H, W) in [0, 1]
    is_adv: Tensor  # (N,) bool


class ResidualTrainer:
    """A network in training, its running average and all that is needed to go on after a kill.

    The average (of weights and of batch statistics) is what is judged and kept: at a threshold set on
    clean images, the false alarms on honest noise of the last weights swing by tens of per cent from
    epoch to epoch, those of the average do not.

    The global random generator is left as it was.
    """

    def __init__(
        self, channels: int, *, total_steps: int, lr: float = 3e-3, ema_decay: float = 0.995, seed: int = 0
    ) -> None:
        """Start from weights that only `seed` decides.

        Args:
            channels: of the images.
            total_steps: after how many calls of `step` the learning rate has come down to zero.
            lr: the highest learning rate.
            ema_decay: how much of the average one step keeps.
            seed: of the first weights.
        """
        self.total_steps = total_steps
        self.lr = lr
        self.ema_decay = ema_decay
        self.n_steps = 0
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = ResidualNetwork(channels)
            self.average = ResidualNetwork(channels)
        self.average.load_state_dict(self.network.state_dict())
        self.average.requires_grad_(False).eval()
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = torch.optim.AdamW(self.network.parameters(), lr=lr, weight_decay=_WEIGHT_DECAY)

    def step(self, batch: Batch) -> float:
        """Learn from one batch and give its loss.

        Raises:
            NotEnoughSamples: the loss is not a number; nothing was learned.
        """
        self.network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._lr_now()
        loss = self._loss(batch)
        if not math.isfinite(value := float(loss.detach())):
            raise NotEnoughSamples(f"the loss of step {self.n_steps} is {value}; check the images for NaN, or lower lr")
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _MAX_GRADIENT)
        self._optimizer.step()
        self.n_steps += 1
        self._average_in()
        return value

    def state(self) -> dict[str, Any]:
        """All that `restore` needs: tensors and numbers only."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "n_steps": self.n_steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.n_steps = int(state["n_steps"])

    def _lr_now(self) -> float:
        """A linear rise over the first tenth, then half a cosine down to zero."""
        done = self.n_steps / max(self.total_steps, 1)
        if done < _WARMUP_SHARE:
            return self.lr * (self.n_steps + 1) / (_WARMUP_SHARE * self.total_steps + 1)
        return self.lr * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))

    def _loss(self, batch: Batch) -> Tensor:
        pixels = batch.pixels.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            # In bfloat16 neighbouring levels near 255 are one number: residuals are taken in full precision.
            residuals = self.network.high_pass(pixels)
        with torch.autocast(pixels.device.type, torch.bfloat16):
            maps = self.network.body(residuals)
        out = self.network.judge(maps.float())
        return F.binary_cross_entropy_with_logits(out.logit, batch.is_adv.float())

    def _average_in(self) -> None:
        # A short memory at first, so that the random start is soon forgotten.
        decay = min(self.ema_decay, (1 + self.n_steps) / (10 + self.n_steps))
        with torch.no_grad():
            for kept, fresh in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
                if kept.dtype.is_floating_point:
                    kept.lerp_(fresh, 1 - decay)
                else:
                    kept.copy_(fresh)
