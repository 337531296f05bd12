"""What was promised of what is measured once, whatever the seeds, beside what came of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.detector_goal import NOT_MEASURED, Goal

Json = dict[str, Any]


def timed_goals(some: Sequence[Json]) -> Iterator[Goal]:
    """One run that somebody waits for; it is timed once."""
    name, most, silence = "one side-by-side run of flipped labels", 120, 5
    live, goal = f"{name}: longest time without a word", f"at most {silence} s"
    if not some:
        yield Goal(name, f"at most {most} s", NOT_MEASURED, 0, False)
        yield Goal(live, goal, NOT_MEASURED, 0, False)
        return
    run = some[0]
    words = f"{run['seconds']:.0f} s, {run['threads']} cores"
    yield Goal(name, f"at most {most} s", words, run["images"], run["seconds"] <= most)
    gap = run["longest_silence_s"]
    yield Goal(live, goal, f"{gap:.1f} s", run["images"], gap <= silence)


def tampered_goals(some: Sequence[Json]) -> Iterator[Goal]:
    """Changes behind everyone's back, which are made and looked for once."""
    name, quiet, fast = "tampering: single changes found", "tampering: false alarms", "tampering: 60,000 items verified"
    if not some:
        goals = {name: "all", quiet: "none", fast: "at most 10 s"}
        yield from (Goal(what, goal, NOT_MEASURED, 0, False) for what, goal in goals.items())
        return
    told = some[0]
    n, untouched, speed = told["n"], told["untouched"], told["speed"]
    yield Goal(name, "all", f"{told['found']} of {n}", n, told["found"] == n >= 1_000)
    yield Goal(quiet, "none", str(untouched["false_alarms"]), untouched["n"], not untouched["false_alarms"])
    yield Goal(
        fast, "at most 10 s", f"{speed['seconds']:.1f} s", speed["items"], speed["met"] and speed["items"] >= 60_000
    )
