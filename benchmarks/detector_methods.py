"""The other ways of detecting on the same scans as the detector of one seed, and what each costs."""

from collections.abc import Iterator
from dataclasses import replace

from benchmarks.detector_stages import plain_chain
from benchmarks.detector_work import Json, Work, sources_id
from pipeline.detection.compare import compare_detectors
from pipeline.detector_report.figures import read_comparison

METHODS = "methods"


def compared(work: Work, seed: int) -> Json:
    """Every way of detecting, learned and judged on the scans of the detector of this seed."""
    on = plain_chain(work, seed)
    settings = replace(work.plan.methods, alpha=work.plan.alpha, seed=seed)
    with work.stage("other ways of detecting") as progress:
        found = compare_detectors([on.detector], on.rows, on.dataset, on.classifier, settings, progress=progress)
    return {"sources": sources_id(), **found.to_json()}


def methods_caveats(found: Json, sources: str) -> Iterator[str]:
    """What keeps the comparison from being one of now."""
    if not found:
        yield f"Not run: `{METHODS}`."
    elif found["sources"] != sources:
        yield "The other ways of detecting are kept from an earlier state of the detector's code."


def methods_page(found: Json) -> Iterator[str]:
    """All ways in tables; nothing where they were not compared."""
    if found:
        detector = found["detector_ids"][0]
        yield from ("", "## Other ways of detecting, and what each costs", "", f"Beside detector {detector}.", "")
        yield from read_comparison(found).to_markdown().splitlines()
