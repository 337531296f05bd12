"""What the calibration scans of a detector support at a release, before a gate is ordered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from detector.conformal import supported_alpha, supports
from pipeline.artefacts import DataRoot
from pipeline.detection.rates import MAX_ALPHA
from pipeline.errors import PipelineError
from pipeline.gate.strip_choice import StripChoice
from pipeline.gate.strip_scans import strip_preset
from webapp.context import context
from webapp.jobs.asked import rate_refusals
from webapp.records.artefacts import Artefact


@dataclass(frozen=True)
class ReleasePreset:
    """What a release begins with; `supported` is False where the scans are too few for any rate."""

    detector: Artefact
    n: int
    supported: bool
    alpha: float
    strip: StripChoice | None
    trouble: str | None = None


def release_preset(row: Artefact, *, alpha: float | None = None) -> ReleasePreset:
    """The lowest rates from 1 % on that a detector's calibration supports; `alpha` in its place where it does."""
    n: int = row.facts["n_calibration"]
    usual = supported_alpha(n)
    chosen = alpha if alpha is not None and 0 < alpha <= MAX_ALPHA and supports(n, alpha) else usual
    try:
        strip = strip_preset(DataRoot(context().settings.data_root), row.id)
    except PipelineError as e:
        return ReleasePreset(row, n, supports(n, usual), chosen, None, str(e))
    return ReleasePreset(row, n, supports(n, usual), chosen, strip)


def release_refusals(asked: Mapping[str, Any]) -> dict[str, PipelineError]:
    """What the calibration refuses of a release, by parameter; nothing of one that cannot be read."""
    return rate_refusals(context().settings, dict(asked)) if asked else {}
