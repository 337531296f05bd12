"""How many overlays STRIP needs, on small classifiers of digits: `python -m benchmarks.strip_overlays IMAGES LABELS`.

A network of two convolutions learns 5,000 digits, some of which carry a 2x2 white trigger and the label 0. What STRIP
then holds at 1 % false rejects is told for several numbers of overlays: of triggered images that bring the target, and
of clean ones.
"""

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detector.poisoned.strip import Strip, false_reject_threshold

OVERLAYS = (10, 20, 32, 50, 100)
SHARES = (0.05, 0.01)
RATE = 0.01
_IMAGES_FROM, _LABELS_FROM = 16, 8  # Bytes of the header of an IDX file.
_SIDE = 28
_N_TRAIN, _N_CALIBRATING, _TEST_FROM, _N_TRIGGERED, _N_CLEAN = 5_000, 600, 8_000, 400, 1_000
_EPOCHS, _BATCH = 6, 64


def main(argv: Sequence[str] | None = None) -> int:
    """Print one row a classifier."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.strip_overlays", description="Overlays of STRIP.")
    parser.add_argument("images", type=Path, help="MNIST's images, IDX, gzip")
    parser.add_argument("labels", type=Path, help="their labels")
    parser.add_argument("--seeds", type=int, default=3, help="how many (default: %(default)s)")
    asked = parser.parse_args(argv)
    x, y = read_digits(asked.images, asked.labels)
    sys.stdout.write("| poisoned | seed | trigger works | " + " | ".join(f"{m} overlays" for m in OVERLAYS) + " |\n")
    sys.stdout.write("|---|---|---|" + "---|" * len(OVERLAYS) + "\n")
    for share in SHARES:
        for seed in range(asked.seeds):
            works, held = overlays_tried(x, y, share=share, seed=seed)
            cells = [f"{found:.1%} of triggered, {alarms:.1%} of clean" for found, alarms in held]
            sys.stdout.write(f"| {share:.0%} | {seed} | {works:.1%} | {' | '.join(cells)} |\n")
            sys.stdout.flush()
    return 0


def read_digits(images: Path, labels: Path) -> tuple[Tensor, Tensor]:
    """Pixels (N, 1, 28, 28) in [0, 1] and classes (N,)."""
    levels = np.frombuffer(gzip.decompress(images.read_bytes()), np.uint8, offset=_IMAGES_FROM)
    classes = np.frombuffer(gzip.decompress(labels.read_bytes()), np.uint8, offset=_LABELS_FROM)
    x = torch.from_numpy(levels.reshape(-1, 1, _SIDE, _SIDE).astype(np.float32) / 255)
    return x, torch.from_numpy(classes.astype(np.int64))


def overlays_tried(x: Tensor, y: Tensor, *, share: float, seed: int) -> tuple[float, list[tuple[float, float]]]:
    """The share of triggered images that bring class 0, and what each of `OVERLAYS` holds of them and of clean ones.

    Args:
        x: (N, 1, 28, 28), more than 8,000.
        y: (N,).
        share: of the training images that are poisoned.
        seed: of the division, the weights and the batches.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(x), generator=generator)
    most = max(OVERLAYS)
    train, calibration = order[:_N_TRAIN], order[_N_TRAIN : _N_TRAIN + most + _N_CALIBRATING]
    test = order[_TEST_FROM:]
    model = _trained(x[train], y[train], int(share * len(train)), seed, generator)
    with torch.no_grad():
        triggered = stamped(x[test[y[test] != 0][:_N_TRIGGERED]])
        brings = model(triggered).argmax(1) == 0
        held = []
        for m in OVERLAYS:
            strip = Strip(model, x[calibration[:m]])
            tau = false_reject_threshold(strip.score(x[calibration[most:]]), RATE)
            scores = strip.score(triggered[brings]), strip.score(x[test[:_N_CLEAN]])
            held.append((float((scores[0] > tau).float().mean()), float((scores[1] > tau).float().mean())))
    return float(brings.float().mean()), held


def stamped(x: Tensor) -> Tensor:
    """The images with 2x2 white pixels near the upper left corner."""
    x = x.clone()
    x[:, :, 1:3, 1:3] = 1
    return x


def _trained(x: Tensor, y: Tensor, n_poisoned: int, seed: int, generator: torch.Generator) -> nn.Module:
    poisoned = (y != 0).nonzero()[:n_poisoned, 0]
    x, y = x.clone(), y.clone()
    x[poisoned], y[poisoned] = stamped(x[poisoned]), 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = nn.Sequential(
            *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(800, 64), nn.ReLU(), nn.Linear(64, 10)),
        )
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(_EPOCHS):
        for batch in torch.randperm(len(x), generator=generator).split(_BATCH):
            optimiser.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()
    return model.eval()


if __name__ == "__main__":
    sys.exit(main())
