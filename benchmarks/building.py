"""How near building an adversarial set comes to its bare gradients: `python -m benchmarks.building`.

Each size is built in a process of its own, which prints seconds, gradients taken, what these gradients cost alone, and
its peak memory. Memory that grows with the number of images shows between two sizes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

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
    for n in asked.images:
        with tempfile.TemporaryDirectory() as folder:
            found.append(_in_a_process(asked, n, folder))
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
    parser.add_argument("--attacks", nargs="+", default=list(ATTACKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="which seconds to compare")
    parser.add_argument("--profile", type=int, default=0, metavar="LINES", help="show where the time went")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    return parser


def _in_a_process(asked: argparse.Namespace, n: int, folder: str) -> dict[str, object]:
    command = [sys.executable, "-m", "benchmarks.building", "--images", str(n), "--inside", folder]
    for name in ("model", "channels", "threads", "clock", "profile"):
        command += [f"--{name}", str(getattr(asked, name))]
    command += ["--attacks", *asked.attacks]
    env = {**os.environ, "OMP_NUM_THREADS": str(asked.threads)}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - ourselves.
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def _built(asked: argparse.Namespace, n: int, folder: Path) -> dict[str, object]:
    import torch

    from benchmarks.measure import layouts
    from benchmarks.subject import subject
    from pipeline.adversarial.build import build_adversarial
    from pipeline.adversarial.recipe import AttackSpec, Recipe
    from pipeline.models.files import save_classifier

    torch.set_num_threads(asked.threads)
    clock = time.perf_counter if asked.clock == "wall" else time.process_time
    to = subject(asked.model, asked.channels, _BATCH, folder / "weights")
    both = layouts(to)
    classifier = save_classifier(to.model, folder / "models", name="measured")
    dataset = _dataset(asked, n, folder)
    recipe = Recipe(attacks=tuple(AttackSpec(name) for name in asked.attacks), splits=("test",))
    with _profiled(asked.profile):
        before = _gradient_s(both, to.y, clock)
        start = clock()
        built = build_adversarial(dataset, classifier, recipe, folder / "sets", work=folder / "work")
        build_s = clock() - start
    gradient_s = (before + _gradient_s(both, to.y, clock)) / 2
    rows = built.rows()
    gradients = int(rows.steps.sum())
    return {
        "model": asked.model,
        "images": n,
        "rows": len(rows),
        "status": Counter(rows.status.tolist()),
        "gradients": gradients,
        "build_s": build_s,
        "limit_s": gradients * gradient_s,
        "of_limit": gradients * gradient_s / build_s,
        "reached": gradients * gradient_s / build_s >= GOAL,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "clock": asked.clock,
    }


class _profiled:  # noqa: N801 - read as a verb at its one place.
    """Where the time of a block went, on the standard error; nothing for 0 lines."""

    def __init__(self, lines: int) -> None:
        import cProfile

        self._lines = lines
        self._profile = cProfile.Profile(time.process_time)

    def __enter__(self) -> None:
        if self._lines:
            self._profile.enable()

    def __exit__(self, *_: object) -> None:
        if self._lines:
            import pstats

            self._profile.disable()
            pstats.Stats(self._profile, stream=sys.stderr).sort_stats("tottime").print_stats(self._lines)


def _gradient_s(both: dict[str, object], y: object, clock: object) -> float:
    """Seconds of one image's bare gradient, in a full batch of the better layout."""
    from benchmarks.measure import bare_gradient

    taken = []
    for model, x in both.values():  # type: ignore[misc]
        bare_gradient(model, x, y)
        start = clock()  # type: ignore[operator]
        for _ in range(3):
            bare_gradient(model, x, y)
        taken.append((clock() - start) / 3 / len(x))  # type: ignore[operator]
    return min(taken)


def _dataset(asked: argparse.Namespace, n: int, folder: Path) -> object:
    """Images on disk that the classifier has right, all in one split."""
    import torch

    from benchmarks.subject import CLASSES, subject
    from datasets.duplicates import pixels_sha256
    from datasets.store import DatasetWriter, Item

    to = subject(asked.model, asked.channels, n, folder / "weights")
    levels = (to.x * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    items = []
    with closing(DatasetWriter(folder / "datasets")) as writer:
        for i, (image, label) in enumerate(zip(levels, to.y.tolist(), strict=True)):
            writer.append(image, 8)
            digest = pixels_sha256(image, 8)
            items.append(Item(f"{i}.png", label, "test", i, digest, digest, image.shape, 8))
        return writer.finish("measured", CLASSES, tuple(items), {"kind": "folder"}, {})


def _sentence(found: dict[str, object]) -> str:
    return (
        f"{found['model']}, {found['images']} images, {found['rows']} rows: {found['build_s']:.1f} s for "
        f"{found['gradients']} gradients, which alone take {found['limit_s']:.1f} s: {found['of_limit']:.0%} of the "
        f"limit (goal {GOAL:.0%}); peak {found['peak_mib']:.0f} MiB; {dict(found['status'])}"  # type: ignore[call-overload]
    )


if __name__ == "__main__":
    raise SystemExit(main())
