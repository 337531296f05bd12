"""How near building an adversarial set comes to its bare gradients: `python -m benchmarks.building`.

Each size is built in each precision in a process of its own, which prints its seconds and, beside them, what its
gradient steps would cost as bare gradients of a full batch, what the gradients and forwards that it took would cost,
both in single precision, and its peak memory.
Carlini-Wagner steps that need no gradient take a forward only, so the first may exceed 100 %.
Memory that grows with the number of images shows between two sizes.
"""

import argparse
import cProfile
import itertools
import json
import os
import pstats
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import bare_gradient, layouts
from benchmarks.subject import CLASSES, Subject, subject
from datasets.duplicates import pixels_sha256
from datasets.store import Dataset, DatasetWriter, Item
from pipeline.adversarial.build import build_adversarial
from pipeline.adversarial.recipe import AttackSpec, Recipe
from pipeline.attacks.budget import PRECISIONS
from pipeline.models.adapter import PixelModel
from pipeline.models.files import save_classifier

GOAL = 0.9
ATTACKS = ("fgsm", "bim", "pgd", "mim", "cw")
_BATCH = 32


def main(argv: Sequence[str] | None = None) -> int:
    """Build sets of several sizes and print what each cost."""
    asked = _parser().parse_args(argv)
    if asked.inside:
        sys.stdout.write(json.dumps(_built(asked, asked.images[0], asked.inside)) + "\n")
        return 0
    found = []
    for n, precision in itertools.product(asked.images, asked.precisions):
        with tempfile.TemporaryDirectory() as folder:
            found.append(_in_a_process(asked, n, precision, folder))
        sys.stdout.write(_sentence(found[-1]) + "\n")
        sys.stdout.flush()
    if asked.out:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.building", description=__doc__)
    parser.add_argument("--images", nargs="+", type=int, default=[64, 128], metavar="N")
    parser.add_argument("--model", default="SequentialCNN")
    parser.add_argument("--channels", type=int, default=1, choices=[1, 3])
    parser.add_argument("--precisions", nargs="+", default=["fp32"], choices=PRECISIONS)
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="which seconds to compare")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES", help="show where the time went")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


def _in_a_process(asked: argparse.Namespace, n: int, precision: str, folder: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.building", "--images", str(n), "--inside", folder]
    for name in ("model", "channels", "threads", "clock", "profile"):
        command += [f"--{name}", str(getattr(asked, name))]
    command += ["--precisions", precision, "--attacks", *asked.attacks]
    env = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves.
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _built(asked: argparse.Namespace, n: int, folder: Path) -> dict[str, Any]:
    torch.set_num_threads(asked.threads)
    clock = time.perf_counter if asked.clock == "wall" else time.process_time
    to = subject(asked.model, asked.channels, _BATCH, folder / "weights")
    classifier = save_classifier(to.model, folder / "models", name="measured")
    dataset = _dataset(asked, n, folder)
    (precision,) = asked.precisions
    specs = tuple(AttackSpec(name) for name in asked.attacks)
    recipe = Recipe(attacks=specs, splits=("test",), precision=precision)
    before, looks = _unit_s(to, clock), Counter[str]()
    with _counted(looks), _profiled(asked.profile):
        start = clock()
        built = build_adversarial(dataset, classifier, recipe, folder / "sets", work=folder / "work")
        build_s = clock() - start
    gradient_s, forward_s = (statistics.mean(pair) for pair in zip(before, _unit_s(to, clock), strict=True))
    rows = built.rows()
    work_s = looks["gradients"] * gradient_s + looks["forwards"] * forward_s
    return {
        "model": asked.model,
        "precision": precision,
        "images": n,
        "rows": len(rows),
        "status": dict(Counter(rows.status.tolist())),
        "steps": int(rows.steps.sum()),
        **looks,
        "build_s": build_s,
        "limit_s": looks["gradients"] * gradient_s,
        "of_limit": int(rows.steps.sum()) * gradient_s / build_s,
        "of_work": work_s / build_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "clock": asked.clock,
    }


@contextmanager
def _counted(looks: "Counter[str]") -> Iterator[None]:
    """How many images the classifier was shown, with a gradient and without."""
    forward = PixelModel.forward

    def counting(model: PixelModel, x: Tensor) -> Tensor:
        looks["gradients" if torch.is_grad_enabled() and x.requires_grad else "forwards"] += len(x)
        return forward(model, x)

    PixelModel.forward = counting  # type: ignore[method-assign, assignment] # counts for a while
    try:
        yield
    finally:
        PixelModel.forward = forward  # type: ignore[method-assign]


@contextmanager
def _profiled(lines: int) -> Iterator[None]:
    """Where the time of a block went, on the standard error; nothing for 0 lines."""
    if not lines:
        yield
        return
    with cProfile.Profile(time.process_time) as profile:
        yield
    pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(lines)


def _unit_s(to: Subject, clock: Callable[[], float]) -> tuple[float, float]:
    """Seconds of one image's bare gradient and of its forward alone, in a full batch of the better layout."""
    gradients, forwards = [], []
    for model, x in layouts(to).values():
        bare_gradient(model, x, to.y)
        start = clock()
        for _ in range(3):
            bare_gradient(model, x, to.y)
        gradients.append((clock() - start) / 3 / len(x))
        with torch.no_grad():
            start = clock()
            for _ in range(3):
                model(x)
            forwards.append((clock() - start) / 3 / len(x))
    return min(gradients), min(forwards)


def _dataset(asked: argparse.Namespace, n: int, folder: Path) -> Dataset:
    """Images on disk that the classifier has right, all in one split; a batch of them in memory at a time."""
    items: list[Item] = []
    with closing(DatasetWriter(folder / "datasets")) as writer:
        while len(items) < n:
            count = min(_BATCH, n - len(items))
            to = subject(asked.model, asked.channels, count, folder / "weights", seed=100 + len(items))
            levels = (to.x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
            for image, label in zip(levels, to.y.tolist(), strict=True):
                writer.append(image, 8)
                digest, i = pixels_sha256(image, 8), len(items)
                items.append(Item(f"{i}.png", label, "test", i, digest, digest, image.shape, 8))
        return writer.finish("measured", CLASSES, tuple(items), {"kind": "folder"}, {})


def _sentence(found: dict[str, Any]) -> str:
    return (
        f"{found['model']}, {found['precision']}, {found['images']} images, {found['rows']} rows in "
        f"{found['build_s']:.1f} s; "
        f"its {found['steps']} steps as bare gradients are {found['of_limit']:.0%} of that (goal {GOAL:.0%} or more), "
        f"its {found.get('gradients', 0)} gradients and {found.get('forwards', 0)} forwards {found['of_work']:.0%}; "
        f"peak {found['peak_mib']:.0f} MiB; {found['status']}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
