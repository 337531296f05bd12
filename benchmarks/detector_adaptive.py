"""What attackers who know the gate achieve: before the classifier as it is, and before one that was hardened."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, cast

from benchmarks.detector_goal import Goal, incomplete, missing
from benchmarks.detector_plan import SEEDS
from benchmarks.detector_stages import evasive_chain, hardened_chain, plain_chain
from benchmarks.detector_work import Json, On, Work, sources_id
from benchmarks.tables import share, table
from pipeline.attacks.adaptive.registry import ADAPTIVE_ATTACKS
from pipeline.detection.adaptive import evaluate_adaptive
from pipeline.detection.adaptive_plan import AdaptivePlan
from pipeline.evaluation import evaluate_classifier

ADAPTIVE = "adaptive"
PLAIN, HARDENED, EVASIVE = "as it is", "hardened", "as it is, the detector trained on attacks on itself"
"""What a gate is made of: the start, and what could raise the price."""

_COSTLY = ("surrogate_transfer", "gate_square")

MOST = {2: 0.3, 4: 0.5, 8: 0.75}
"""Share accepted and wrong that was aimed at, by radius in 1/255."""

_TIMES = 4


def withstood(work: Work, seed: int) -> dict[str, Json]:
    """The report of `attack-gate` on every gate, and the accuracy of its classifier on clean test scans."""
    surrogate, whole = plain_chain(work, _another(seed)), work.plan.adaptive
    # What learned from a slope is tried by the attacks that follow one, before those that take hours.
    steep = replace(whole, attacks=tuple(name for name in whole.attacks if name not in _COSTLY))
    return {
        PLAIN: _attacked(work, PLAIN, plain_chain(work, seed), surrogate, whole),
        HARDENED: _attacked(work, HARDENED, hardened_chain(work, seed), surrogate, whole),
        EVASIVE: _attacked(work, EVASIVE, evasive_chain(work, seed), surrogate, steep),
    }


def _another(seed: int) -> int:
    """Whose detector the attacker holds who has no access to the first."""
    return next(other for other in SEEDS if other != seed)


def _attacked(work: Work, what: str, on: On, surrogate: On, plan: AdaptivePlan) -> Json:
    with work.stage(f"adaptive attacks, classifier {what}") as progress:
        report = evaluate_adaptive(
            (on.detector, on.classifier),
            on.dataset,
            plan,
            work=work.root.work / "attack-gate",
            alpha=work.plan.alpha,
            surrogate=(surrogate.detector, surrogate.classifier),
            progress=progress,
        )
    clean = evaluate_classifier(on.classifier, on.dataset, "test")
    accuracy = {"value": clean.accuracy, "low": clean.interval[0], "high": clean.interval[1], "n": clean.n}
    return {"accuracy": accuracy, "sources": sources_id(), **report.to_json()}


def adaptive_goals(found: dict[str, Json]) -> Iterator[Goal]:
    """What was promised of the strongest gate, beside where the classifier started without any."""
    start = _rows(found.get(PLAIN))
    for what, name in ((HARDENED, "classifier hardened"), (PLAIN, "classifier as it is")):
        rows = _rows(found.get(what))
        for level, most in MOST.items():
            untried = _untried(found[what], level) if what in found else []
            goal = _accepted_and_wrong(level, most, (name, untried), rows.get(level), start.get(level))
            yield incomplete(goal, untried) if goal.n else goal
    yield from _prices(found)


def adaptive_caveats(found: dict[str, Json], detectors: Collection[str], sources: str) -> Iterator[str]:
    """What keeps these figures from being of the detectors of the report, and of the code of now."""
    for what, report in found.items():
        if what != EVASIVE and report["detector_id"] not in detectors:
            yield f"The adaptive figures, classifier {what}, are of another detector, {report['detector_id']}."
        if report.get("sources") != sources:
            yield f"The adaptive figures, classifier {what}, are kept from an earlier state of the detector's code."


def adaptive_page(found: dict[str, Json]) -> Iterator[str]:
    """Both gates in tables; nothing where none was attacked."""
    if not found:
        return
    yield from ("", "## Attackers who know the detector", "")
    yield (
        "Share of the test scans that a classifier has right, whose attacked file its gate accepts and the classifier "
        "has wrong. `undefended` is the classifier alone, under the same attacks and APGD. Of one seed's detectors."
    )
    for what, report in found.items():
        yield from ("", f"### Classifier {what}", "")
        clean = report["accuracy"]
        yield (
            f"Classifier {report['classifier_id']}, detector {report['detector_id']}, surrogate "
            f"{report['surrogate_id'] or 'none'}. Clean test scans classified "
            f"right: {share(clean)} of {clean['n']}. Price: {report['price']['said']}."
        )
        yield ""
        rows = (
            [f"{row['level']:g}/255", str(row["n"]), *(share(row[key]) for key in ("undefended", "unaware", "best"))]
            for row in report["rows"]
        )
        yield from table(["eps", "n", "undefended", "ignoring the gate", "best of all attacks"], rows)
        yield ""
        cells = ([cell["attack"], f"{cell['level']:g}/255", share(cell["passed"])] for cell in report["cells"])
        yield from table(["attack", "eps", "accepted and wrong"], cells)
        yield from ("", *(f"Left out: {name}, {why}." for name, why in report["left_out"].items()))
        if others := [name for name in _untried(report) if name not in report["left_out"]]:
            yield f"Not among the attacks: {', '.join(others)}."


def _rows(report: Json | None) -> dict[int, Json]:
    return {row["level"]: row for row in report["rows"]} if report else {}


def _untried(report: Json, level: int | None = None) -> list[str]:
    """Attacks that know the gate, of which the figures are without: at any radius, or at one in 1/255."""
    tried = {cell["attack"] for cell in report["cells"] if level in (None, cell["level"])}
    return [name for name in ADAPTIVE_ATTACKS if name not in tried]


def _untried_for_price(report: Json) -> list[str]:
    """Attacks that a price is without: between the radii of all attacks only some look for it."""
    untried, looking = _untried(report), report["plan"]["for_price"]
    return [name for name in ADAPTIVE_ATTACKS if name in untried or name not in looking]


def _accepted_and_wrong(
    level: int, most: float, on: tuple[str, list[str]], row: Json | None, start: Json | None
) -> Goal:
    """One radius, by the attacks that were tried; `on` names the classifier and the others."""
    name, untried = on
    what, goal = f"adaptive: accepted and wrong at {level}/255, best of all attacks, {name}", f"at most {most:.0%}"
    if row is None or row["best"]["value"] is None:
        return missing(what, goal)
    n = len(ADAPTIVE_ATTACKS)
    words = (
        f"{share(row['best'])}, by {n - len(untried)} of {n} attacks; without a gate {row['undefended']['value']:.1%}"
    )
    if start is not None and start is not row:
        words += f", before hardening {start['undefended']['value']:.1%}"
    return Goal(what, goal, words, row["n"], row["best"]["value"] <= most)


def _prices(found: dict[str, Json]) -> Iterator[Goal]:
    """Passing the gate, over fooling the same classifier without one, and over fooling the one of the start."""
    pairs = (
        (HARDENED, PLAIN, "hardened classifier and gate, over the classifier as it is alone"),
        (HARDENED, HARDENED, "hardened classifier and gate, over the hardened classifier alone"),
        (PLAIN, PLAIN, "gate, over the classifier as it is alone"),
    )
    for guarded, alone, words in pairs:
        what, goal = f"price: median eps to pass and fool, {words}", f"at least {_TIMES} times"
        if guarded not in found or alone not in found:
            yield missing(what, goal)
            continue
        price = _price(what, goal, found[guarded]["price"], found[alone]["price"]["median_classifier"])
        yield incomplete(price, _untried_for_price(found[guarded]))


def _price(what: str, goal: str, price: dict[str, Any], alone: float | None) -> Goal:
    n, last = len(price["gate"]), price["grid"][-1]
    if alone is None:
        return Goal(what, goal, f"half of the scans hold beyond {last:g}/255 without a gate", n, False)
    passing = cast("float | None", price["median_gate"])
    held = max((radius for radius in price["grid"] if passing is None or radius < passing), default=0)
    # What is sure of the price: on files of 8 bits, only a radius of a whole level more allows more than the one that
    # held on half of the scans.
    least = held + 1 if passing is None else min(passing, held + 1)
    if passing is None:
        words = f"at least {least / alone:.2g} times: beyond {last:g}/255, over {alone:g}/255"
    else:
        words = f"{passing / alone:.2g} times: {passing:g}/255, over {alone:g}/255"
    if passing is not None and least < passing:
        words += f"; surely {least / alone:.2g} times, the radius tried before being {held:g}/255"
    return Goal(what, goal, words, n, least / alone >= _TIMES)
