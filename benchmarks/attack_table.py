"""Medians, ratios and goals of measured attacks, as JSON values and as Markdown; loads no torch."""

import math
import platform
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from benchmarks.settings import LIMIT, STEP
from benchmarks.tables import table

OURS, OURS_BF16 = "scangate", "scangate-bf16"
AT_LIMIT, AHEAD, CW_AHEAD = 1.05, 1.5, 3.0
"""Goals: a step costs at most so many bare gradients; so many times as fast as the fastest peer; the same for C&W."""
CW_L2 = 1.02
"""Goal: the mean L2 of our Carlini-Wagner over adv_lib's."""
CW_ALIKE = 1.1
"""A Carlini-Wagner that ends farther away than so many times ours has not searched, and is no measure of speed."""

Record = dict[str, Any]


def summary(records: Sequence[Record], *, missing: Sequence[str], clock: str = "wall") -> dict[str, Any]:
    """Medians over the repeats of each contestant, and how ours compare with the fastest peer and the limit."""
    groups: dict[tuple[Any, ...], list[Record]] = defaultdict(list)
    for record in records:
        key = (record["model"], record["channels"], record["n"], record["device"], record["threads"], record["attack"])
        groups[key].append(record)
    return {
        "machine": {"processor": platform.processor() or platform.machine(), "python": platform.python_version()},
        "clock": clock,
        "missing": list(missing),
        "cells": [_cell(key, found, clock) for key, found in groups.items()],
    }


def goals(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What was promised of each cell, and what came of it."""
    rows = []
    for cell in found["cells"]:
        if "reached" not in cell:
            continue
        what = f"{cell['attack']} on {cell['model']}, {cell['device']}, batch {cell['n']}"
        if cell["attack"] == STEP:
            what = f"a step of PGD over a bare gradient, {cell['model']}, {cell['device']}, batch {cell['n']}"
            goal, value = f"at most {AT_LIMIT}", f"{cell['of_limit']:.2f}"
        elif cell["attack"] == "cw":
            goal = (
                f"{CW_AHEAD:g} times the fastest peer that fools as many within {CW_ALIKE} of our mean L2, "
                f"mean L2 at most {CW_L2} of adv_lib's"
            )
            value = (
                f"{cell['ahead']:.2f} times {cell['fastest_peer']}, L2 {cell.get('l2_of_adv_lib', float('nan')):.3f}"
            )
        else:
            goal = f"{AHEAD:g} times the fastest peer, or ahead of it and at most {AT_LIMIT} of the limit"
            value = f"{cell['ahead']:.2f} times {cell['fastest_peer']}, {cell.get('of_limit', float('nan')):.2f}"
        rows.append({"what": what, "goal": goal, "value": value, "n": cell["n"], "met": cell["reached"]})
    return rows


def markdown(found: dict[str, Any]) -> str:
    """Two tables: ours against the fastest peer, and everybody's medians."""
    note = "Every attack ends with one look at which images are fooled; the limit is its bare gradients and that look. "
    note += f"A Carlini-Wagner that fools fewer or ends over {CW_ALIKE} times as far is no rival, however fast."
    names = "model, device, batch, attack, ours (s), of the limit, fastest peer, peer / ours, with bf16, whole process"
    names += ", goal, rounds"
    lines = [f"Seconds by the {found['clock']} clock, medians of so many rounds. {note}", ""]
    lines += table(names.split(", "), [_row(cell) for cell in found["cells"] if OURS in cell["medians"]])
    lines += ["", "Seconds of attack and verdict (of the whole process), fooled, mean L2:", ""]
    for cell in found["cells"]:
        each = [f"{name} {_median(median)}" for name, median in cell["medians"].items()]
        each += [f"{name} failed: {why}" for name, why in cell["failed"].items()]
        lines.append(f"- {cell['model']} {cell['device']} batch {cell['n']} {cell['attack']}: {'; '.join(each)}")
    if found["missing"]:
        lines += ["", f"Not installed, and left out: {', '.join(found['missing'])}."]
    return "\n".join(lines) + "\n"


def _cell(key: tuple[Any, ...], records: list[Record], clock: str) -> dict[str, Any]:
    by_name: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_name[record["contestant"]].append(record)
    medians = {
        name: _medians(all_of, clock) for name, all_of in by_name.items() if any("attack_s" in one for one in all_of)
    }
    failed = {name: one["error"] for name, all_of in by_name.items() for one in all_of[:1] if "error" in one}
    cell = {
        **dict(zip(("model", "channels", "n", "device", "threads", "attack"), key, strict=True)),
        "medians": medians,
        "failed": failed,
    }
    return {**cell, **_compared(cell["attack"], medians)}


def _medians(records: list[Record], clock: str) -> dict[str, Any]:
    """Medians of the numbers; what is the same in all repeats stays as it is."""
    whole = [record for record in records if "attack_s" in record]
    cpu = clock == "cpu"
    names = {
        "attack_s": "attack_cpu_s" if cpu else "attack_s",
        "process_s": "process_cpu_s" if cpu else "process_s",
        "limit_s": "cpu_limit_s" if cpu else "limit_s",
        "ratio": "cpu_ratio" if cpu else "ratio",
        "success": "success",
        "mean_l2": "mean_l2",
    }
    found: dict[str, Any] = {"repeats": len(whole)}
    for name, column in names.items():
        values = [record[column] for record in whole if record.get(column) is not None]
        if values:
            found[name] = statistics.median(values)
    return found


def _compared(attack: str, medians: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if OURS not in medians:
        return {}
    mine = medians[OURS]
    if attack == STEP:
        return {"of_limit": mine["ratio"], "reached": mine["ratio"] <= AT_LIMIT}
    compared: dict[str, Any] = {}
    if LIMIT in medians:
        compared["of_limit"] = mine["attack_s"] / medians[LIMIT]["attack_s"]
    # A peer that fools fewer images, or ends far from them where the least change is sought, has done less.
    rivals = {
        name: median
        for name, median in medians.items()
        if not name.startswith(OURS) and name != LIMIT and (attack != "cw" or _as_near(median, mine))
    }
    if not rivals:
        return compared
    fastest = min(rivals, key=lambda name: rivals[name]["attack_s"])
    ahead = rivals[fastest]["attack_s"] / mine["attack_s"]
    whole = min(median["process_s"] for median in rivals.values()) / mine["process_s"]
    if lowered := medians.get(OURS_BF16):
        compared["ahead_bf16"] = rivals[fastest]["attack_s"] / lowered["attack_s"]
    compared |= {"fastest_peer": fastest, "ahead": ahead, "whole_process_ahead": whole}
    if attack != "cw":
        at_limit = compared.get("of_limit", AHEAD) <= AT_LIMIT
        return {**compared, "reached": ahead >= AHEAD or (at_limit and ahead >= 1)}
    if "mean_l2" in medians.get("adv_lib", {}):
        compared["l2_of_adv_lib"] = mine["mean_l2"] / medians["adv_lib"]["mean_l2"]
    return {**compared, "reached": ahead >= CW_AHEAD and compared.get("l2_of_adv_lib", math.inf) <= CW_L2}


def _as_near(rival: dict[str, Any], mine: dict[str, Any]) -> bool:
    near = rival.get("mean_l2", math.inf) <= CW_ALIKE * mine.get("mean_l2", math.inf)
    return near and bool(rival["success"] >= mine["success"])


def _row(cell: dict[str, Any]) -> list[str]:
    def number(name: str) -> str:
        return f"{cell[name]:.2f}" if name in cell else ""

    goal = "reached" if cell.get("reached") else "not reached" if "reached" in cell else ""
    if "l2_of_adv_lib" in cell:
        goal += f", L2 {cell['l2_of_adv_lib']:.3f} of adv_lib's"
    cells = [cell["model"], cell["device"], cell["n"], cell["attack"], f"{cell['medians'][OURS]['attack_s']:.3f}"]
    cells += [number("of_limit"), cell.get("fastest_peer", ""), number("ahead"), number("ahead_bf16")]
    cells += [number("whole_process_ahead"), goal, cell["medians"][OURS]["repeats"]]
    return [str(one) for one in cells]


def _median(median: dict[str, Any]) -> str:
    text = f"{median['attack_s']:.3f} ({median['process_s']:.1f})"
    if "success" in median:
        text += f", {median['success']:.0%}"
    return text + (f", {median['mean_l2']:.3f}" if "mean_l2" in median else "")
