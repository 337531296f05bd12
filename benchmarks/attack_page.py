"""docs/results/attacks.md: the figures as tables, and the goals beside what came of them."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import share, table
from datasets.atomic import replacing, write_json

Rows = list[dict[str, Any]]

ROBUST_GOAL = 0.01
"""A network without a defence above this robust accuracy at 8/255 means that the attack is broken."""


def goals(parity: Rows, sanity: Rows, robust: Rows, beyond: Rows, speed: Rows) -> Rows:
    """Every promise with what came of it."""
    found = [_goal(f"parity {row['row']}: {row['what']}", row["required"], row["measured"], row) for row in parity]
    found += [_goal(f"sanity: {row['check']}, {row['what']}", row["required"], row["measured"], row) for row in sanity]
    for row in robust:
        if round(row["eps"] * 255) == 8:
            value = row["robust_accuracy"]
            met = value <= ROBUST_GOAL
            what = "robust accuracy of the classifier without a defence at 8/255"
            found.append(
                {"what": what, "goal": f"at most {ROBUST_GOAL:.0%}", "value": f"{value:.2%}", "n": row["n"], "met": met}
            )
    for row in beyond:
        what = f"scans left robust at {row['eps'] * 255:g}/255 that AutoAttack fools"
        met = row["n_fooled"] == 0
        found.append({"what": what, "goal": "0", "value": str(row["n_fooled"]), "n": row["n"], "met": met})
    return [*found, *speed]


def write_page(
    stem: Path,
    *,
    head: Sequence[str],
    parity: Rows,
    sanity: Rows,
    success: Rows,
    robust: Rows,
    beyond: Rows,
    kept: dict[str, Rows],
    speed_tables: Sequence[str],
    speed_goals: Rows,
    facts: dict[str, Any],
) -> None:
    """Write `stem`.md, `stem`.json and `stem`-examples.csv, each whole or not at all."""
    write_examples(stem.with_name(f"{stem.name}-examples.csv"), success)
    success = [{name: value for name, value in row.items() if name != "examples"} for row in success]
    reached = goals(parity, sanity, robust, beyond, speed_goals)
    sections = [
        *head,
        *_goal_summary(reached),
        *_success(success),
        *_robust(robust, beyond),
        *_kept(kept),
        *_checks("Parity with other libraries", parity, "row", "what"),
        *_checks("Sanity", sanity, "check", "what"),
        *speed_tables,
    ]
    stem.parent.mkdir(parents=True, exist_ok=True)
    with replacing(stem.with_suffix(".md")) as incoming:
        incoming.write_text("\n".join(sections).rstrip() + "\n")
    measured = {
        "parity": parity,
        "sanity": sanity,
        "success": success,
        "robust": robust,
        "beyond": beyond,
        "files": kept,
    }
    write_json(stem.with_suffix(".json"), {**facts, "goals": reached, **measured})


def write_examples(path: Path, success: Rows) -> None:
    """What became of each scan under each attack, as one table."""
    rows = [
        {"attack": row["attack"], "eps": row["eps"], **example}
        for row in success
        for example in row.get("examples", [])
    ]
    if not rows:
        return
    with replacing(path) as incoming, incoming.open("w", newline="", encoding="utf-8") as table:
        writer = csv.DictWriter(table, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _goal(what: str, goal: str, value: str, row: dict[str, Any]) -> dict[str, Any]:
    return {"what": what, "goal": goal, "value": value, "n": row["n"], "met": row["met"]}


def _goal_summary(reached: Rows) -> Iterator[str]:
    missed = [goal for goal in reached if not goal["met"]]
    yield from ("## Goals", "")
    yield f"{len(reached) - len(missed)} of {len(reached)} goals are reached; all of them are in `attacks.json`."
    yield ""
    if missed:
        yield "Not reached:"
        yield ""
        yield from _table(
            ("what", "goal", "value", "n"), [(g["what"], g["goal"], g["value"], str(g["n"])) for g in missed]
        )


def _success(rows: Rows) -> Iterator[str]:
    yield from ("## Success on the real classifier", "")
    yield (
        "Attacked are test scans that the classifier has right, in the size in which they came. Success is what it "
        "says of the PNG, written and decoded; lost are attacks that fooled before the pixels were rounded to levels. "
        "L2 is the median over successes, with pixels in [0, 1]; the largest change is over all scans, in 8-bit levels."
        " What became of each scan is in `attacks-examples.csv`."
        " A universal perturbation is one for all scans of the commonest shape, fitted on scans of the split train."
    )
    yield ""
    yield from _table(
        ("attack", "eps", "n", "success (95 %)", "lost by rounding", "L2", "largest change", "gradients or queries"),
        [
            (
                row["attack"],
                row["eps"],
                str(row["n"]),
                _share(row["n_success"], row["n"], row["interval"]),
                str(row["n_lost_by_rounding"]),
                _number(row["median_l2"], ".3f"),
                _number(None if row["largest_linf"] is None else 255 * row["largest_linf"], ".0f"),
                _number(row["mean_steps"], ".0f"),
            )
            for row in rows
        ],
    )


def _robust(rows: Rows, beyond: Rows) -> Iterator[str]:
    yield from ("## Robust accuracy by the ensemble", "")
    yield "APGD on the cross entropy, APGD towards each class, then Square, each on what is robust; worst case a scan."
    yield ""
    cells = []
    for row in rows:
        stages = ", ".join(f"{s['attack']} {s['n_fooled']} of {s['n_tried']}" for s in row["stages"])
        low, high = row["robust_interval"]
        cells.append(
            (
                f"{row['eps'] * 255:g}/255",
                str(row["n"]),
                f"{row['clean_accuracy']:.1%}",
                f"{row['robust_accuracy']:.1%} ({low:.1%} to {high:.1%})",
                stages,
                "; ".join(row["flags"]) or "none",
            )
        )
    for row in beyond:
        yield (
            f"Of the {row['n']} scans left robust at {row['eps'] * 255:g}/255, the authors' AutoAttack "
            f"(APGD-CE, APGD-T, FAB-T, Square) fools {row['n_fooled']}."
        )
        yield ""
    yield from _table(("eps", "n", "clean accuracy", "robust accuracy (95 %)", "fooled by", "flags"), cells)


def _kept(kept: dict[str, Rows]) -> Iterator[str]:
    yield from ("## What other files keep", "")
    yield (
        "The same scans attacked plainly and through JPEG, then written as each kind of file and decoded. n had the "
        "classifier right on the clean scan in that file as well. Survived is the share of the attack's own successes "
        "that fool in this file too."
    )
    yield ""
    for name, rows in kept.items():
        yield from (f"### {name}", "")
        yield from _table(
            ("attacked", "channels", "file", "n", "fooled (95 %)", "own successes", "survived (95 %)"),
            [
                (
                    "plainly" if row["attacked_through"] is None else f"through JPEG {row['attacked_through']}",
                    str(row["channels"]),
                    _file(row),
                    str(row["n_right"]),
                    _known(row["fooled"]),
                    str(row["n_success"]),
                    _known(row["survived"]),
                )
                for row in rows
            ],
        )


def _checks(title: str, rows: Rows, first: str, second: str) -> Iterator[str]:
    yield from (f"## {title}", "")
    yield from _table(
        (first, second, "required", "measured", "n", "met"),
        [
            (str(r[first]), str(r[second]), r["required"], r["measured"], str(r["n"]), "yes" if r["met"] else "**no**")
            for r in rows
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from table(head, rows)
    yield ""


def _share(n_hits: int, n: int, interval: Sequence[float] | None) -> str:
    if interval is None:
        return "-"
    return f"{n_hits / n:.1%} ({interval[0]:.1%} to {interval[1]:.1%})"


def _known(found: dict[str, float] | None) -> str:
    return "-" if found is None else share(found)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _file(row: dict[str, Any]) -> str:
    return f"JPEG {row['quality']}" if row["quality"] is not None else f"{row['file_format'].upper()} {row['bits']} bit"
