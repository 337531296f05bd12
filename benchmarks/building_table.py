"""What building a set costs, as a table and as goals; reads what `benchmarks.building` wrote."""

from typing import Any

from benchmarks.tables import table

Rows = list[dict[str, Any]]

OF_WORK = 0.9
"""Goal: the gradients and forwards that the attacks need, in single precision, are this share of the time."""
MEMORY = 1.1
"""Goal: the largest set takes at most so many times the memory of the smallest."""

_HEAD = ("precision", "images", "rows", "seconds", "of the work", "of the steps", "peak memory, MiB")


def building_table(found: Rows) -> list[str]:
    """One line a size; nothing where nothing was measured."""
    if not found:
        return []
    lines = [
        "## Building a set",
        "",
        "All five attacks, files written and verified. Of the work is the share of the time that the gradients and "
        "forward passes really taken would need as bare ones in full batches and single precision; of the steps counts "
        "a gradient for each step, also for those of Carlini-Wagner that need none.",
        "",
    ]
    rows = (
        [row["precision"], str(row["images"]), str(row["rows"]), f"{row['build_s']:.0f}", f"{row['of_work']:.0%}",
         f"{row['of_limit']:.0%}", f"{row['peak_mib']:.0f}"]
        for row in found
    )  # fmt: skip
    lines += table(_HEAD, rows)
    return [*lines, ""]


def building_goals(found: Rows) -> Rows:
    """What was promised of building a set, and what came of it, in each precision."""
    precisions = dict.fromkeys(row["precision"] for row in found)
    return [goal for name in precisions for goal in _goals(name, [row for row in found if row["precision"] == name])]


def _goals(precision: str, found: Rows) -> Rows:
    least, most = min(found, key=lambda row: row["images"]), max(found, key=lambda row: row["images"])
    growth = most["peak_mib"] / least["peak_mib"]
    return [
        {
            "what": f"building a set with all five attacks in {precision}, share of needed gradients and forwards",
            "goal": f"at least {OF_WORK:.0%}",
            "value": f"{most['of_work']:.0%}",
            "n": most["images"],
            "met": most["of_work"] >= OF_WORK,
        },
        {
            "what": f"memory of building {most['images']} images in {precision} over that of {least['images']}",
            "goal": f"at most {MEMORY}",
            "value": f"{growth:.2f}",
            "n": most["images"],
            "met": growth <= MEMORY,
        },
    ]
