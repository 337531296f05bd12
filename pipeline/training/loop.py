"""The epochs of one training, each determined by the settings, the samples and the state before it."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.progress import Progress
from pipeline.errors import BadTraining
from pipeline.models.adapter import PixelModel
from pipeline.training.augmentation import augment
from pipeline.training.checkpoint import Checkpoint, EpochResult
from pipeline.training.choice import has_collapsed, is_best
from pipeline.training.hardening import attacked
from pipeline.training.precision import reduced_type
from pipeline.training.randomness import epoch_randomness
from pipeline.training.robustness import N_JUDGED, N_WATCHED, RobustSlice
from pipeline.training.samples import Samples
from pipeline.training.settings import TrainingSettings

_EVALUATION_BATCH = 64
# The running mean follows quickly at first: its decay is that of a mean over a tenth of the steps so far.
_RAMP = 10


class Training:
    """A model between two epochs: its weights, their running mean, the optimiser and the best so far."""

    def __init__(self, model: PixelModel, settings: TrainingSettings, samples: Samples, val: Samples) -> None:
        self.model = model
        self.settings = settings
        self.samples = samples
        self.val = val
        self.device = model.mean.device
        self.n_batches = max(1, len(samples) // settings.batch_size)
        self.history: list[EpochResult] = []
        self.best_epoch = 0
        self.average = _copied(model)
        self.best = _copied(model)
        # Biases and the scales of normalisation are not decayed: they fit nothing by heart.
        decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
        free = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": free, "weight_decay": 0.0}]
        self._optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)
        self._type = reduced_type(self.device, settings.size) if settings.mixed_precision else None
        self._scaler = torch.amp.GradScaler(self.device.type, enabled=self._type == torch.float16)
        # The attack's gradients: their loss is not scaled, so float16 would lose the small ones.
        self._attack_type = None if self._type == torch.float16 else self._type
        self.robust_slice: RobustSlice | None = None
        if settings.hardening is not None and len(val) > 0:
            eps, seed = settings.hardening.eps, settings.seed
            self.robust_slice = RobustSlice(model, val, eps=eps, seed=seed, reduced=self._attack_type)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, too many went by without a better one, or the hardening collapsed."""
        done = len(self.history)
        waited = done - 1 - self.best_epoch
        tired = len(self.val) > 0 and waited >= self.settings.patience
        return done >= self.settings.epochs or tired or self.collapsed

    @property
    def collapsed(self) -> bool:
        """Whether the last epoch fell to catastrophic overfitting."""
        return has_collapsed(self.history, self.settings, chance=self._chance)

    def run_epoch(self, progress: Progress) -> None:
        """Train one epoch, judge the running mean of the weights and keep it where it is the best.

        Raises:
            BadTraining: the loss is not a number any more.
        """
        epoch = len(self.history)
        loss, accuracy = self._fit(epoch, progress)
        with _weights(self.model, self.average):
            val_loss, val_accuracy = self._judge(progress)
            robust = self._resist(progress)
        # Without a running mean both are of the same weights.
        now = self._resist(progress, N_WATCHED) if self.settings.averaging else robust
        self.history.append(EpochResult(epoch, loss, accuracy, val_loss, val_accuracy, robust, now))
        if is_best(self.history, self.best_epoch, self.settings, chance=self._chance):
            self.best_epoch = epoch
            self.best = {key: value.clone() for key, value in self.average.items()}

    def checkpoint(self) -> Checkpoint:
        """The state, to be written; it shares its tensors with the training."""
        return Checkpoint(
            network=dict(self.model.network.state_dict()),
            average=self.average,
            optimizer=self._optimizer.state_dict(),
            scaler=self._scaler.state_dict(),
            best=self.best,
            best_epoch=self.best_epoch,
            history=self.history,
        )

    def take_up(self, checkpoint: Checkpoint) -> None:
        """Go on from a state as if it had never been left."""
        self.model.network.load_state_dict(checkpoint.network)
        self.average = {key: value.to(self.device) for key, value in checkpoint.average.items()}
        self.best = {key: value.to(self.device) for key, value in checkpoint.best.items()}
        self._optimizer.load_state_dict(checkpoint.optimizer)
        self._scaler.load_state_dict(checkpoint.scaler)
        self.best_epoch, self.history = checkpoint.best_epoch, checkpoint.history

    def _fit(self, epoch: int, progress: Progress) -> tuple[float, float]:
        """Mean loss and accuracy over the epoch's images as they were seen."""
        self.model.train()
        total_loss, n_right = 0.0, 0
        with epoch_randomness(self.settings.seed, epoch, self.device) as generator:
            order = torch.randperm(len(self.samples), generator=generator)
            for number, rows in enumerate(order.tensor_split(self.n_batches)):
                step = epoch * self.n_batches + number
                x, y = self.samples.batch(rows, self.device)
                x = augment(x, self.settings.augmentation, generator)
                x = self._attacked(x, y, step, generator)
                loss, logits = self._step(x, y, step)
                if not math.isfinite(loss):
                    raise BadTraining(
                        f"the loss is {loss} in epoch {epoch + 1}; give a learning rate below"
                        f" {self.settings.learning_rate:g}"
                    )
                total_loss += loss * len(rows)
                n_right += int((logits.argmax(dim=1) == y).sum())
                progress(step + 1, self._n_steps, f"epoch {epoch + 1} of {self.settings.epochs}, loss {loss:.3f}")
        return total_loss / len(self.samples), n_right / len(self.samples)

    def _attacked(self, x: Tensor, y: Tensor, step: int, generator: torch.Generator) -> Tensor:
        how = self.settings.hardening
        if how is None:
            return x
        eps = how.eps_at(step / self.n_batches, self.settings.epochs)
        return attacked(self.model, x, y, how, eps=eps, generator=generator, reduced=self._attack_type)

    def _step(self, x: Tensor, y: Tensor, step: int) -> tuple[float, Tensor]:
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate(step)
        with torch.autocast(self.device.type, self._type or torch.bfloat16, enabled=self._type is not None):
            logits = self.model(x.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), y, label_smoothing=self.settings.label_smoothing)
        self._optimizer.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call] # torch leaves backward untyped.
        self._scaler.step(self._optimizer)
        self._scaler.update()
        kept = min(self.settings.averaging, (1 + step) / (_RAMP + step))
        with torch.no_grad():
            for key, value in self.model.network.state_dict().items():
                if value.is_floating_point():
                    self.average[key].lerp_(value, 1 - kept)
                else:
                    self.average[key].copy_(value)
        return float(loss.detach()), logits.detach()

    def _judge(self, progress: Progress) -> tuple[float | None, float | None]:
        """Loss and accuracy on the validation images, None where there are none."""
        n = len(self.val)
        if n == 0:
            return None, None
        total_loss, n_right = 0.0, 0
        done = (len(self.history) + 1) * self.n_batches
        with self.model.frozen(), torch.no_grad():
            for rows in torch.arange(n).tensor_split(math.ceil(n / _EVALUATION_BATCH)):
                x, y = self.val.batch(rows, self.device)
                logits = self.model(x.contiguous(memory_format=torch.channels_last))
                total_loss += float(F.cross_entropy(logits, y, reduction="sum"))
                n_right += int((logits.argmax(dim=1) == y).sum())
                progress(done, self._n_steps, f"judging epoch {len(self.history) + 1}")
        return total_loss / n, n_right / n

    def _resist(self, progress: Progress, n: int | None = None) -> float | None:
        """Accuracy under PGD on the first n validation images of the slice; None where nothing is hardened."""
        if self.robust_slice is None:
            return None
        done, what = (len(self.history) + 1) * self.n_batches, f"attacking epoch {len(self.history) + 1}"
        return self.robust_slice.accuracy(n or N_JUDGED, lambda: progress(done, self._n_steps, what))

    @property
    def _chance(self) -> float:
        return 0.0 if self.robust_slice is None else self.robust_slice.chance(N_WATCHED)

    @property
    def _n_steps(self) -> int:
        return self.settings.epochs * self.n_batches

    def _rate(self, step: int) -> float:
        """Rises evenly during the warm-up, then falls to zero along half a cosine."""
        rising = self.settings.warm_up * self._n_steps
        if step < rising:
            return self.settings.learning_rate * (step + 1) / (rising + 1)
        share = (step - rising) / max(1.0, self._n_steps - rising)
        return self.settings.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _copied(model: PixelModel) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in model.network.state_dict().items()}


@contextmanager
def _weights(model: PixelModel, state: Mapping[str, Tensor]) -> Iterator[None]:
    """Other weights inside the block, the model's own again afterwards."""
    own = _copied(model)
    model.network.load_state_dict(dict(state))
    try:
        yield
    finally:
        model.network.load_state_dict(own)
