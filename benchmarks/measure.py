"""One measurement in a process of its own: `python -m benchmarks.measure FOLDER JSON`, figures on the last line."""

import copy
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.contestants import ALL, JUDGES, ours
from benchmarks.settings import LIMIT, STEP, TRAINED, TRAINED_ROOT, Measurement, Settings
from benchmarks.subject import Subject, subject
from benchmarks.trained import trained_subject

Result = TypeVar("Result")

# Rounds of the comparison of a step with the limit inside one process, and steps in each.
_ROUNDS, _STEPS_MORE = 5, 4
# More gradients than an attack takes without laying out the weights, see `Attack.lays_out`.
_WARM_UP_STEPS = 3


def figures(asked: Measurement, folder: Path) -> dict[str, object]:
    """Seconds of attack and verdict, after a warm-up, and the outcome; empty where there is no such attack."""
    torch.set_num_threads(asked.threads)
    torch.manual_seed(0)
    to = _subject(asked, folder)
    if asked.attack == STEP:
        return _step(to, asked.settings)
    if asked.contestant == LIMIT:
        return _limit(to, 1 if asked.attack == "fgsm" else asked.settings.steps)
    entry = ALL[asked.contestant]
    run, warm_up = entry(to, asked.attack, asked.settings), _warm_up(asked, to)
    if run is None or warm_up is None:
        return {}
    warm_up()
    x_adv, taken = _timed(run if asked.contestant in JUDGES else _with_verdict(to, run), asked.device)
    return {**taken, **_outcome(to, x_adv.to(to.x.device))}


def _warm_up(asked: Measurement, to: Subject) -> Callable[[], Tensor] | None:
    """A short run of the same attack: another one might lay out the weights in another way, and kernels are made first.

    Carlini-Wagner is long however short it is asked for; FGSM stands for it.
    """
    attack = "fgsm" if asked.attack == "cw" else asked.attack
    return ALL[asked.contestant](to, attack, replace(asked.settings, steps=_WARM_UP_STEPS))


def _subject(asked: Measurement, folder: Path) -> Subject:
    if asked.model == TRAINED:
        return trained_subject(TRAINED_ROOT, asked.n, device=asked.device)
    return subject(asked.model, asked.channels, asked.n, folder, device=asked.device)


def layouts(to: Subject) -> dict[str, tuple[nn.Module, Tensor]]:
    """The model and its images in both memory layouts, frozen."""
    with_last = _copy(to.model).to(memory_format=torch.channels_last)  # type: ignore[call-overload] # stub lacks it
    return {
        "channels_first": (_copy(to.model), to.x.contiguous()),
        "channels_last": (with_last, to.x.contiguous(memory_format=torch.channels_last)),
    }


def bare_gradient(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """One forward and one input gradient, and nothing else."""
    here = x.detach().requires_grad_()
    return torch.autograd.grad(F.cross_entropy(model(here), y, reduction="sum"), here)[0]


def _with_verdict(to: Subject, run: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """The attack, and one look at which images are fooled: whoever attacks needs to know."""

    def judged() -> Tensor:
        x_adv = run()
        with torch.no_grad():
            to.model(x_adv.to(to.x.device)).argmax(1)
        return x_adv

    return judged


def _limit(to: Subject, n_gradients: int) -> dict[str, object]:
    """So many bare gradients, and one forward pass for the verdict."""
    taken = {}
    for name, (model, x) in layouts(to).items():
        bare_gradient(model, x, to.y)

        def run(model: nn.Module = model, x: Tensor = x) -> None:
            for _ in range(n_gradients):
                bare_gradient(model, x, to.y)
            with torch.no_grad():
                model(x)

        taken[name] = _timed(run, x.device.type)[1]
    best = min(taken, key=lambda name: taken[name]["attack_s"])
    return {**taken[best], "layout": best}


def _step(to: Subject, settings: Settings) -> dict[str, object]:
    """A step of PGD against a bare gradient: the difference between a long and a short run, turn by turn."""
    few, many = (ours(to, "pgd", replace(settings, steps=steps)) for steps in (1, 1 + _STEPS_MORE))
    both = layouts(to)
    for model, x in both.values():
        bare_gradient(model, x, to.y)
    few()
    rounds = []
    for _ in range(_ROUNDS):
        bare = {name: _several(model, x, to.y) for name, (model, x) in both.items()}
        rounds.append((bare, _timed(few, to.x.device.type)[1], _timed(many, to.x.device.type)[1]))
    found: dict[str, object] = {}
    for clock, prefix in (("attack_s", ""), ("attack_cpu_s", "cpu_")):
        # The layout that is the best in most rounds, not the luckier of the two in each.
        limit = min(statistics.median(bare[name][clock] for bare, _, _ in rounds) for name in both) / _STEPS_MORE
        step = statistics.median(long[clock] - short[clock] for _, short, long in rounds) / _STEPS_MORE
        found |= {clock: step, f"{prefix}limit_s": limit, f"{prefix}ratio": step / limit}
    return found


def _copy(model: nn.Module) -> nn.Module:
    return copy.deepcopy(model).eval().requires_grad_(False)


def _several(model: nn.Module, x: Tensor, y: Tensor) -> dict[str, float]:
    def run() -> None:
        for _ in range(_STEPS_MORE):
            bare_gradient(model, x, y)

    return _timed(run, x.device.type)[1]


def _timed(run: Callable[[], Result], device: str) -> tuple[Result, dict[str, float]]:
    """What it gives, with seconds by the wall and seconds of all threads on the processor."""
    if device == "cuda":
        torch.cuda.synchronize()
    start, cpu = time.perf_counter(), time.process_time()
    result = run()
    if device == "cuda":
        torch.cuda.synchronize()
    return result, {"attack_s": time.perf_counter() - start, "attack_cpu_s": time.process_time() - cpu}


@torch.no_grad()
def _outcome(to: Subject, x_adv: Tensor) -> dict[str, object]:
    """Judged by us for everybody, on the model as it was given, in single precision."""
    fooled = to.model(x_adv).argmax(1) != to.y
    length = (x_adv - to.x).flatten(1).norm(dim=1)
    return {
        "success": float(fooled.float().mean()),
        "mean_l2": float(length[fooled].mean()) if fooled.any() else None,
        "linf": float((x_adv - to.x).abs().max()),
    }


def main() -> None:
    """Measure and print."""
    folder, asked = sys.argv[1:]
    values = json.loads(asked)
    values["settings"] = Settings(**values["settings"])
    sys.stdout.write("\n" + json.dumps(figures(Measurement(**values), Path(folder))) + "\n")


if __name__ == "__main__":
    main()
