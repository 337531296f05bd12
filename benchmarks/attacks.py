"""How fast the attacks are: `python -m benchmarks.attacks`; each contestant in a fresh process, in turns.

Results are appended as they come to `results.jsonl` in the folder given by `--out`, and a run that was stopped goes on
behind them; delete the folder to begin anew. Ratios between contestants of one run are what counts: seconds are of one
machine on one day. On a machine that is shared, `--clock cpu` compares seconds of the processor instead of the wall's.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.attack_table import markdown, summary
from benchmarks.settings import ATTACKS, LIMIT, STEP, TRAINED, TRAINED_ROOT, Measurement, Settings

ROOT = Path(__file__).resolve().parent.parent
MODELS = ("SequentialCNN", "resnet18", TRAINED)
RESULTS, SUMMARY, TABLE = "results.jsonl", "attacks.json", "attacks.md"

Record = dict[str, object]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what was asked for and write the summary."""
    asked = _parser().parse_args(argv)
    asked.out.mkdir(parents=True, exist_ok=True)
    contestants, missing = _present(asked.contestants)
    for name in missing:
        _say(f"{name} is not installed and left out; requirements-peers.txt brings it")
    done = _known(asked.out / RESULTS)
    plan = [] if asked.summary else list(_planned(asked, contestants))
    with (asked.out / RESULTS).open("a") as file:
        for number, item in enumerate(plan):
            if _key(item) in done:
                continue
            record = _measured(item, asked, done)
            done[_key(item)] = record
            file.write(json.dumps(record) + "\n")
            file.flush()
            _tell(item, record, plan[number + 1 :], done, number + 1, len(plan))
    # Everything that was ever measured in this folder, so that parts can be measured one after the other.
    records = list(done.values())
    found = summary(records, missing=missing, clock=asked.clock)
    (asked.out / SUMMARY).write_text(json.dumps(found, indent=1) + "\n")
    (asked.out / TABLE).write_text(markdown(found))
    _say(f"\n{markdown(found)}\n{asked.out / TABLE}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.attacks", description=__doc__)
    parser.add_argument("--models", nargs="+", default=_models(), choices=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 16, 64], metavar="N")
    parser.add_argument("--attacks", nargs="+", default=[STEP, *ATTACKS], choices=[STEP, *ATTACKS])
    parser.add_argument("--contestants", nargs="+", metavar="NAME", help="all that are installed by default")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--devices", nargs="+", choices=["cpu", "cuda"], help="all that are there by default")
    parser.add_argument("--channels", type=int, default=3, choices=[1, 3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--cw-search", type=int, default=9, help="values of c in the peers' Carlini-Wagner")
    parser.add_argument("--cw-steps", type=int, default=100, help="steps for each of them")
    parser.add_argument("--summary", action="store_true", help="measure nothing, put together what there is")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="which seconds to compare")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds after which one process is given up")
    parser.add_argument("--out", type=Path, default=Path("var/benchmarks/attacks"))
    return parser


def _models() -> list[str]:
    """All that can be measured here; a trained one needs `make results-main` first."""
    return [name for name in MODELS if name != TRAINED or (TRAINED_ROOT / "models").exists()]


def _present(named: list[str] | None) -> tuple[list[str], list[str]]:
    """Contestants that can take part, and those that are missing; asked in a process of its own, which loads torch."""
    names = "from benchmarks.contestants import ALL, installed; print(json.dumps({n: installed(n) for n in ALL}))"
    there: dict[str, bool] = json.loads(_said(f"import json; {names}"))
    wanted = named or list(there)
    if strangers := sorted(set(wanted) - set(there)):
        raise SystemExit(f"no contestant {', '.join(strangers)}; there are {', '.join(there)}")
    return [name for name in wanted if there[name]], [name for name in wanted if not there[name]]


def _devices(asked: list[str] | None) -> list[str]:
    if asked:
        return asked
    return ["cpu", "cuda"] if _said("import torch; print(torch.cuda.is_available())") == "True" else ["cpu"]


def _said(code: str) -> str:
    """The last line that a process of our own prints; this one stays free of torch."""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - our own code.
    return done.stdout.splitlines()[-1]


def _planned(asked: argparse.Namespace, contestants: list[str]) -> Iterator[Measurement]:
    """Turn by turn inside a cell, so that a machine that slows down slows all of them; small cells first."""
    settings = Settings(steps=asked.steps, cw_search=asked.cw_search, cw_steps=asked.cw_steps)
    for device in _devices(asked.devices):
        for n in sorted(asked.batches):
            for model in asked.models:
                for attack in asked.attacks:
                    for repeat in range(asked.repeats):
                        for name in _of(attack, contestants):
                            yield Measurement(
                                model=model,
                                channels=asked.channels,
                                n=n,
                                device=device,
                                attack=attack,
                                contestant=name,
                                repeat=repeat,
                                threads=asked.threads,
                                settings=settings,
                            )


def _of(attack: str, contestants: list[str]) -> list[str]:
    if attack == STEP:
        return [name for name in contestants if name == "scangate"]
    return [*contestants, *([] if attack == "cw" else [LIMIT])]


def _measured(item: Measurement, asked: argparse.Namespace, done: dict[str, Record]) -> Record:
    """What one process said, with the seconds of the whole of it; a failure is a result as well."""
    base: Record = asdict(item)
    before = [done.get(_key(replace(item, repeat=repeat)), {}) for repeat in range(item.repeat)]
    if any("error" in earlier for earlier in before):
        return {**base, "error": "left out: an earlier repeat failed"}
    env = {**os.environ, "OMP_NUM_THREADS": str(item.threads), "MKL_NUM_THREADS": str(item.threads)}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "benchmarks.measure", str(asked.out / "weights"), json.dumps(base)]
    start, cpu = time.perf_counter(), _children_cpu_s()
    try:
        found = subprocess.run(  # noqa: S603 - our own module.
            command, env=env, capture_output=True, text=True, timeout=asked.timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return {**base, "error": f"took more than {asked.timeout:g} s"}
    whole = {"process_s": time.perf_counter() - start, "process_cpu_s": _children_cpu_s() - cpu}
    if found.returncode:
        return {**base, "error": (found.stderr.strip().splitlines() or ["no message"])[-1]}
    return {**base, **whole, **json.loads(found.stdout.splitlines()[-1])}


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _known(path: Path) -> dict[str, Record]:
    """Results of an earlier run; what failed, and a line that was cut off, is measured again."""
    known: dict[str, Record] = {}
    if path.exists():
        text = path.read_text()
        if not text.endswith("\n"):
            text = text[: text.rfind("\n") + 1]
            path.write_text(text)
        for record in map(json.loads, text.splitlines()):
            if "error" not in record:
                known[_key_of(record)] = record
    return known


def _key(item: Measurement) -> str:
    return _key_of(asdict(item))


def _key_of(record: Record) -> str:
    names = [*Measurement.__dataclass_fields__]
    return json.dumps([record[name] for name in names], sort_keys=True)


def _tell(
    item: Measurement, record: Record, left: list[Measurement], done: dict[str, Record], k: int, total: int
) -> None:
    left_s = sum(_expected_s(other, done) for other in left if _key(other) not in done)
    what = record.get("error") or f"{record.get('attack_s', 0):.3f} s, process {record.get('process_s', 0):.1f} s"
    where = f"{item.model} {item.device} batch {item.n} {item.attack} {item.contestant} #{item.repeat + 1}"
    _say(f"{k}/{total} {where}: {what}; {left_s / 60:.0f} min left")


def _expected_s(item: Measurement, done: dict[str, Record]) -> float:
    """The seconds of the same with another repeat, or the median of all so far."""
    same = [done.get(_key(replace(item, repeat=repeat))) for repeat in range(item.repeat)]
    known = [record for record in same if record] or list(done.values())
    return statistics.median(float(str(record.get("process_s", 0))) for record in known)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
