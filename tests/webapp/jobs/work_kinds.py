"""Small kinds of job that really write files, registered in the tests' processes and in the workers they start."""

import os
import signal
import time

from webapp.config import Settings
from webapp.errors import BadJob
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind


def shards(settings: Settings, params: Params) -> list[ShardPlan]:
    """Count the parts asked for, then one that puts them together."""
    if params["n"] < 1:
        raise BadJob(f"{params['n']} parts were asked for; ask for 1 or more.")
    return [*(ShardPlan(weight=params.get("steps", 1)) for _ in range(params["n"])), ShardPlan(stage=1)]


def trace(work: Work, text: str) -> None:
    """Leave a line that a test can count; appended, so that no two writers meet."""
    with (work.settings.data_root / "trace").open("a") as file:
        file.write(f"{work.idx} {work.attempt} {os.getpid()} {text}\n")


def count(work: Work) -> Made | None:
    """Write one line a step, slowly; in the last stage put the parts together."""
    trace(work, "start")
    if work.stage == 1:
        return together(work)
    steps = work.params.get("steps", 1)
    lines = []
    for step in range(steps):
        work.progress(step, steps, f"Step {step} of part {work.idx}")
        time.sleep(work.params.get("step_s", 0))
        lines.append(f"{work.idx}.{step}\n")
    work.progress(steps, steps, f"Part {work.idx} done")
    work.output.write_text("".join(lines))
    trace(work, "end")
    return None


def together(work: Work) -> Made:
    """Make the artefact of all parts."""
    folder = work.settings.data_root / "reports" / f"r{work.job_id}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lines.txt").write_text("".join(part.read_text() for part in work.parts))
    return Made(
        kind=ArtefactKind.REPORT, id=f"r{work.job_id}", name="lines", folder=folder, facts={"n": len(work.parts)}
    )


def poison(work: Work) -> None:
    """Kill the process, as the kernel does when memory runs out."""
    trace(work, "start")
    if work.stage == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def fail(work: Work) -> Made | None:
    """Fail for as many attempts as the parameters say, in the way they say."""
    if work.stage == 0 and work.attempt <= work.params["failures"]:
        raise {"bug": RuntimeError, "refusal": BadJob, "memory": MemoryError}[work.params["how"]]("the reason")
    return count(work)


for function in (count, poison, fail):
    register(Kind(name=function.__name__, title=f"Test: {function.__name__}", shards=shards, run=function))
