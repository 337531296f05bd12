"""What was confirmed of the suspects of a search for poison."""

from typing import Any

from datasets.atomic import read_json
from webapp.context import context, database
from webapp.records.artefacts import Artefact

REPORT_FILE = "finding.json"


def finding_of(row: Artefact) -> dict[str, Any]:
    """The report of a search: the data set, the classifier and the trusted subset that it was of, and its suspects."""
    report: Any = read_json(context().path(row.folder) / REPORT_FILE)
    return {**report, "name": row.name}


def confirmed(finding_id: str) -> tuple[list[int], dict[int, int]]:
    """The items that are confirmed to be dropped, upwards, and those to be relabelled, with their true class."""
    with database().reading() as session:
        decided: dict[str, Any] = session.get_one(Artefact, finding_id).facts.get("confirmed", {})
    return sorted(decided.get("drop", [])), {int(item): label for item, label in decided.get("relabel", {}).items()}
