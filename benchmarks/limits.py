"""What could make a bare gradient cheaper, the limit of every attack: `python -m benchmarks.limits`.

One forward and one input gradient of the benchmark's classifiers, as they are and in other forms: the other memory
layout, batch normalisation folded into the convolutions, compiled by torch, and in bfloat16. Beside it stands the share
of the time that goes to convolutions, which no attack can change.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.measure import bare_gradient, layouts
from benchmarks.subject import MODELS, Subject, subject
from pipeline.models.precision import lowered

_ROUNDS = 7


def main(argv: Sequence[str] | None = None) -> int:
    """Measure every form and write JSON."""
    asked = _parser().parse_args(argv)
    torch.set_num_threads(asked.threads)
    # Or a second run would tell how long reading the first one's results takes.
    os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"
    found = [row for name in asked.models for n in asked.batches for row in _rows(name, n, asked)]
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write("\n".join(limits_table(found)) + "\n")
    return 0


def limits_table(found: Sequence[dict[str, Any]]) -> list[str]:
    """One line a form; nothing where nothing was measured."""
    if not found:
        return []
    lines = [
        "## What could make a gradient cheaper",
        "",
        "Processor seconds of one forward and one input gradient, without any attack, median of "
        f"{_ROUNDS}; the ratio is to the layout with channels last. Getting ready is by the "
        "wall clock, up to the first gradient.",
        "",
        "| model | batch | form | seconds | ratio | getting ready, s | convolutions |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        cells = [row["model"], row["n"], row["form"], f"{row['gradient_s']:.4f}", f"{row['ratio']:.2f}"]
        cells += [f"{row['ready_s']:.1f}", f"{row['convolutions']:.0%}" if row["convolutions"] is not None else "-"]
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return [*lines, ""]


def folded(model: nn.Module) -> nn.Module:
    """The same in evaluation, with every batch normalisation that follows a convolution folded into it, in place."""
    for child in model.children():
        folded(child)
    named = list(model.named_children())
    for (name, first), (after, second) in itertools.pairwise(named):
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            setattr(model, name, fuse_conv_bn_eval(first, second))
            setattr(model, after, nn.Identity())
    return model


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.limits", description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16], metavar="N")
    parser.add_argument("--channels", type=int, default=3, choices=[1, 3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--weights", type=Path, default=Path("var/benchmarks/attacks/weights"))
    parser.add_argument("--out", type=Path, default=Path("var/benchmarks/limits.json"))
    return parser


def _rows(name: str, n: int, asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    to = subject(name, asked.channels, n, asked.weights)
    seconds: dict[str, float] = {}
    for form, make in _forms(to).items():
        start = time.perf_counter()
        model, x = make()
        bare_gradient(model, x, to.y)
        ready_s = time.perf_counter() - start
        seconds[form] = _median_s(model, x, to.y)
        yield {
            "model": name,
            "n": n,
            "form": form,
            "gradient_s": seconds[form],
            "ratio": seconds[form] / seconds["channels last"],
            "ready_s": ready_s,
            # What a compiled graph spends on convolutions is not told apart from the rest.
            "convolutions": None if form == "compiled" else _share_of_convolutions(model, x, to.y),
        }


def _forms(to: Subject) -> dict[str, Callable[[], tuple[nn.Module, Tensor]]]:
    both = layouts(to)
    last, x = both["channels_last"]
    return {
        "channels last": lambda: (last, x),
        "channels first": lambda: both["channels_first"],
        "batch norm folded": lambda: (folded(layouts(to)["channels_last"][0]).requires_grad_(False), x),
        "compiled": lambda: (torch.compile(layouts(to)["channels_last"][0]), x),
        "bfloat16": lambda: (lowered(layouts(to)["channels_last"][0]), x),  # type: ignore[arg-type]
    }


def _median_s(model: nn.Module, x: Tensor, y: Tensor) -> float:
    taken = []
    for _ in range(_ROUNDS):
        start = time.process_time()
        bare_gradient(model, x, y)
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def _share_of_convolutions(model: nn.Module, x: Tensor, y: Tensor) -> float:
    for _ in range(2):  # The first pass pays for starting the profiler.
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            bare_gradient(model, x, y)
    events = profile.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    spent = sum(event.self_cpu_time_total for event in events if "conv" in event.key.lower())
    return spent / whole


if __name__ == "__main__":
    raise SystemExit(main())
