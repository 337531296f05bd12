"""Where the reports on a detector are kept: `reports/<detector>/`, beside the detectors that they speak of."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from datasets.atomic import content_id, read_json, write_json
from pipeline.artefacts import DataRoot
from pipeline.errors import BadDetector, NoReport

JUDGED = "test"
"""The split that the reports which are kept are on."""

_STATIC = "static.json"
_OTHER = "other-{}.json"
_ADAPTIVE = "adaptive-{}.json"
_COMPARISON = "comparison.json"
_MADE_BY = {
    "static": "evaluate-detector",
    "other": "evaluate-detector --adversarial",
    "adaptive": "attack-gate",
    "comparison": "compare-detectors",
}
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*")

Facts = dict[str, Any]
"""A report as the JSON values that it was written as."""


def keep_static(root: DataRoot, report: Facts) -> Path:
    """Keep the report on how a detector does on attacks that do not know it, in place of an older one."""
    path = root.reports / str(report["detector_id"]) / _STATIC
    write_json(path, report)
    return path


def keep_other(root: DataRoot, report: Facts, *, name: str) -> Path:
    """Keep the report on how a detector does on a set that is not its own, in place of an older one on that set.

    `name` is what the set is called, which the report is kept with.
    """
    path = root.reports / str(report["detector_id"]) / _OTHER.format(report["adversarial_id"])
    write_json(path, {**report, "adversarial_name": name})
    return path


def keep_adaptive(root: DataRoot, report: Facts) -> Path:
    """Keep a report on attackers who know the detector; none takes the place of another, so that none can vanish."""
    path = root.reports / str(report["detector_id"]) / _ADAPTIVE.format(content_id(report))
    write_json(path, report)
    return path


def keep_comparison(root: DataRoot, report: Facts, *, of: Iterable[str]) -> list[Path]:
    """Keep what a comparison found for the reports of these detectors, in place of an older one."""
    paths = [root.reports / detector_id / _COMPARISON for detector_id in of]
    for path in paths:
        write_json(path, report)
    return paths


def kept_static(root: DataRoot, detector_id: str) -> Facts | None:
    """The report that was kept last; None where there is none.

    Raises:
        BadDetector: it cannot be read.
    """
    path = _home(root, detector_id) / _STATIC
    return _read(path, detector_id) if path.is_file() else None


def kept_others(root: DataRoot, detector_id: str) -> list[Facts]:
    """Every report on a set that is not the detector's own, in the order of the sets' ids.

    Raises:
        BadDetector: one cannot be read.
    """
    return [_read(path, detector_id) for path in sorted(_home(root, detector_id).glob(_OTHER.format("*")))]


def kept_adaptive(root: DataRoot, detector_id: str) -> list[Facts]:
    """Every adaptive report on a detector, in the order of their ids.

    Raises:
        BadDetector: one cannot be read.
    """
    return [_read(path, detector_id) for path in sorted(_home(root, detector_id).glob(_ADAPTIVE.format("*")))]


def kept_comparison(root: DataRoot, detector_id: str) -> Facts | None:
    """The comparison that was kept last; None where there is none.

    Raises:
        BadDetector: it cannot be read.
    """
    path = _home(root, detector_id) / _COMPARISON
    return _read(path, detector_id) if path.is_file() else None


def static_or_refuse(root: DataRoot, detector_id: str) -> Facts:
    """The report that was kept last.

    Raises:
        NoReport: there is none; says how to make it.
        BadDetector: it cannot be read.
    """
    found = kept_static(root, detector_id)
    if found is None:
        raise NoReport(
            f"detector {detector_id} has no report yet; make it with: python -m pipeline evaluate-detector "
            f"{detector_id} --root {root.path}"
        )
    return found


def _home(root: DataRoot, detector_id: str) -> Path:
    if not _ID.fullmatch(detector_id):
        raise BadDetector(f"{detector_id!r} is no id of a detector; see the list for those there are")
    return root.path / "reports" / detector_id


def _read(path: Path, detector_id: str) -> Facts:
    again = f"move it away and make it anew with {_MADE_BY[path.stem.partition('-')[0]]}"
    try:
        found = read_json(path)
    except (OSError, ValueError) as e:
        raise BadDetector(f"{path}: the report cannot be read ({e}); {again}") from e
    if not isinstance(found, dict) or detector_id not in found.get("detector_ids", [found.get("detector_id")]):
        raise BadDetector(f"{path}: this is no report on detector {detector_id}; {again}")
    return found
