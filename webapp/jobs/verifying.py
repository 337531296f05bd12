"""The kinds of job that read all of a large artefact: verify it, and vouch for it. Neither needs torch."""

from pathlib import Path

from pipeline.artefacts import DataRoot
from pipeline.provenance.chain import read_history
from pipeline.provenance.kept import examine
from pipeline.provenance.record import has_history, trust
from webapp.config import Settings
from webapp.jobs.products import data_root
from webapp.jobs.registry import Kind, Made, Params, ShardPlan, Work, register
from webapp.records.artefacts import ArtefactKind

HOMES = {
    ArtefactKind.DATASET: "datasets",
    ArtefactKind.CLASSIFIER: "models",
    ArtefactKind.ADVERSARIAL: "adversarial",
    ArtefactKind.DETECTOR: "detectors",
    ArtefactKind.GATE: "gates",
}
"""The kinds of artefact that keep a history, with the folder of each."""


def _there(settings: Settings, params: Params) -> list[ShardPlan]:
    _folder(DataRoot(settings.data_root), params)
    return [ShardPlan()]


def _folder(root: DataRoot, params: Params) -> Path:
    return root.find(HOMES[ArtefactKind(params["kind"])], params["artefact_id"])


def _verify(work: Work) -> Made:
    """Parameters: artefact_id, kind, name, parents (of its row)."""
    root = data_root(work)
    folder = _folder(root, work.params)
    found = examine(folder, root, by=work.by, progress=work.progress).verification
    for told in found.differences[:20]:
        work.note(told)
    work.note(f"{found.subject}: {'whole' if found.ok else f'{len(found.differences)} differences, NOT WHOLE'}.")
    return _as_it_was(work, folder)


def _vouch(work: Work) -> Made:
    """Parameters: artefact_id, kind, name, parents (of its row), why."""
    root = data_root(work)
    folder = _folder(root, work.params)
    # A worker that died after the event was written is followed by another one, which must not write it twice.
    done = has_history(folder) and read_history(folder, root)[-1].what.get("job") == work.job_id
    if not done:
        trust(folder, root, by=work.by, why=work.params["why"], facts={"job": work.job_id}, progress=work.progress)
    return _as_it_was(work, folder)


def _as_it_was(work: Work, folder: Path) -> Made:
    """The row of the artefact, so that the job leads to its history."""
    params = work.params
    return Made(
        kind=ArtefactKind(params["kind"]),
        id=folder.name,
        name=params["name"],
        folder=folder,
        parents=tuple(params["parents"]),
    )


register(Kind(name="verify_history", title="Verify against the history", shards=_there, run=_verify))
register(Kind(name="trust_history", title="Vouch for an artefact", shards=_there, run=_vouch))
