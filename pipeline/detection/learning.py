"""The epochs of a detector's training: learn, judge what is held out, be attacked, and write a checkpoint."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from datasets.progress import Progress
from detector.fused import FusedDetector
from detector.mahalanobis import Mahalanobis
from detector.naming import Naming
from detector.residual import ResidualNetwork
from detector.training import ResidualTrainer
from pipeline.attacks.adaptive.run import GateAt
from pipeline.detection.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from pipeline.detection.evasions import Perturbed, evade, read_evasions, write_evasions
from pipeline.detection.held_out import CLEAN_QUANTILE, HeldOut
from pipeline.detection.network import GateNetwork
from pipeline.detection.samples import Samples
from pipeline.errors import BadDetector
from pipeline.models.adapter import PixelModel


@dataclass(frozen=True)
class Learning:
    """One training of the residual network.

    Attributes:
        path: of the checkpoint; the evasions of each epoch lie beside it.
        key: names this very training in the checkpoint.
    """

    samples: Samples
    held_out: HeldOut
    mahalanobis: Mahalanobis
    model: PixelModel
    path: Path
    key: str
    progress: Progress

    def run(self) -> Checkpoint:
        """Train for all epochs that the checkpoint has not, and give the last checkpoint."""
        settings = self.samples.settings
        trainer = ResidualTrainer(
            self.model.spec.channels,
            total_steps=settings.epochs * settings.steps_an_epoch,
            lr=settings.lr,
            ema_decay=settings.ema_decay,
            seed=settings.seed,
        )
        checkpoint = read_checkpoint(self.path, self.key)
        if checkpoint is not None:
            trainer.restore(checkpoint.trainer)
        while checkpoint is None or len(checkpoint.history) < settings.epochs:
            row = self._epoch(trainer, len(checkpoint.history) if checkpoint else 0)
            checkpoint = Checkpoint.after(checkpoint, trainer, row)
            write_checkpoint(self.path, self.key, checkpoint)
        return checkpoint

    def fused(self, learned: Checkpoint, naming: Naming) -> FusedDetector:
        """The detector of the best epoch, its evidence weighed on what is held out."""
        residual = ResidualNetwork(self.model.spec.channels)
        residual.load_state_dict(learned.average)
        residual.eval()
        evidence = self.held_out.evidence(residual, self.model, what="weighing the evidence", progress=self.progress)
        fusion, class_level = self.held_out.fit(evidence)
        return FusedDetector(residual, self.mahalanobis, fusion, class_level, naming)

    def forget(self) -> None:
        """Remove the checkpoint and what lies beside it."""
        for epoch in range(self.samples.settings.epochs):
            self._beside(epoch).unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def _epoch(self, trainer: ResidualTrainer, epoch: int) -> dict[str, float]:
        """Learn for one epoch; what came of it."""
        settings = self.samples.settings
        total = settings.epochs * settings.steps_an_epoch
        named = f"epoch {epoch + 1} of {settings.epochs}"
        losses = []
        for step, batch in enumerate(self.samples.batches(epoch, self._evasions_before(epoch))):
            self.progress(epoch * settings.steps_an_epoch + step, total, named)
            losses.append(trainer.step(batch))
        judging = _within(self.progress, trainer.n_steps, total)
        evidence = self.held_out.evidence(trainer.average, self.model, what=f"{named}, judging", progress=judging)
        judged = self.held_out.judge(evidence)
        row = {"loss": float(np.mean(losses)), **asdict(judged), "trade_off": judged.area}
        if settings.is_hardened:
            row["passed"] = self._evade(self._gate(trainer, evidence), epoch, judging)
            row["trade_off"] -= row["passed"]
        return row

    def _evasions_before(self, epoch: int) -> list[Perturbed]:
        """What was made against the detector after each earlier epoch."""
        if not self.samples.settings.is_hardened:
            return []
        return [one for k in range(epoch) for one in read_evasions(self._beside(k))]

    def _evade(self, gate: GateAt, epoch: int, progress: Progress) -> float:
        """Attack the detector as it stands, and keep what fools the classifier: the share that passes the gate too."""
        settings, part = self.samples.settings, self.samples.part
        radii = self.samples.radii()
        if not radii:
            raise BadDetector("no attack with a largest change to learn evasions of; set evasions to 0")
        items = np.random.default_rng([settings.seed, epoch, 7]).permutation(part.clean)[: settings.evasions]
        found, passed = evade(
            gate,
            self.samples.dataset,
            items,
            radii,
            steps=settings.evasion_steps,
            seed=settings.seed,
            progress=progress,
        )
        write_evasions(self._beside(epoch), found)
        return passed

    def _gate(self, trainer: ResidualTrainer, evidence: Tensor) -> GateAt:
        """The gate that this epoch would make, at the held-out threshold."""
        fusion, class_level = self.held_out.fit(evidence)
        with torch.no_grad():
            score = fusion(evidence) - class_level(self.held_out.logits)
        tau = float(score[self.held_out.is_clean].quantile(CLEAN_QUANTILE))
        with torch.random.fork_rng():
            naming = Naming(self.model.spec.channels)  # As it starts: it has no part in the score.
        detector = FusedDetector(trainer.average, self.mahalanobis, fusion, class_level, naming)
        return GateAt(GateNetwork(self.model, detector), tau)

    def _beside(self, epoch: int) -> Path:
        return self.path.with_suffix(f".evasions-{epoch}.npz")


def _within(progress: Progress, n_steps: int, total: int) -> Progress:
    """Progress of a part of the work, told without moving the whole."""

    def told(done: int, of: int, message: str) -> None:
        progress(n_steps, total, f"{message}: {done} of {of}")

    return told
