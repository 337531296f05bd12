"""Do one shard: claim it, run its kind's function, commit its result while the lease is held."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from datasets.atomic import sha256_file
from webapp.config import Settings
from webapp.errors import WrongState, is_domain_error
from webapp.jobs.journal import note, reason_of, trace_of
from webapp.jobs.lease import (
    CancelledByUserError,
    Claim,
    Lease,
    LeaseLostError,
    WorkerStoppingError,
    claim_shard,
)
from webapp.jobs.registry import Made, Work, kind_named
from webapp.records.artefacts import Artefact
from webapp.records.base import now
from webapp.records.jobs import Job, ShardState
from webapp.records.session import Database, clock

logger = logging.getLogger(__name__)


def never() -> bool:
    """Say that this process goes on."""
    return False


def job_folder(settings: Settings, job_id: int) -> Path:
    """Where the shards of a job write."""
    return settings.data_root / "work" / "jobs" / str(job_id)


def run_shard(
    database: Database,
    settings: Settings,
    *,
    job_id: int,
    idx: int,
    owner: str,
    stopping: Callable[[], bool] = never,
) -> bool:
    """Do the shard a ticket names; False when the ticket was stale and nothing was done."""
    claim = claim_shard(database, settings, job_id=job_id, idx=idx, owner=owner)
    if claim is None:
        return False
    try:
        with Lease(database, settings, claim, stopping) as lease:
            work = _work(database, settings, claim, lease)
            made = kind_named(claim.kind).run(work)
            _keep_result(work.output, made)
            # The hash may take long for a large file, so the lease is still renewed.
            sha256 = sha256_file(work.output)
            _commit(database, settings, claim, work.output, sha256, made)
    except CancelledByUserError:
        _give_up(database, claim, state=ShardState.CANCELLED, text="Cancelled.")
    except WorkerStoppingError:
        _give_up(database, claim, state=ShardState.PENDING, tries=claim.tries - 1, text="Given back: the worker ends.")
    except LeaseLostError:
        logger.warning("Shard %s/%s: the lease was lost, the result is dropped.", job_id, idx)
    except Exception as e:  # The top of the worker: whatever happened is recorded with its reason.
        _record_failure(database, settings, claim, e)
    return True


def _work(database: Database, settings: Settings, claim: Claim, lease: Lease) -> Work:
    folder = job_folder(settings, claim.job_id)
    folder.mkdir(parents=True, exist_ok=True)

    def noted(text: str) -> None:
        with database.transaction() as session:
            note(session, claim.job_id, text, idx=claim.idx)

    return Work(
        settings=settings,
        params=claim.params,
        job_id=claim.job_id,
        idx=claim.idx,
        stage=claim.stage,
        attempt=claim.attempt,
        folder=folder,
        output=folder / f"{claim.idx}.a{claim.attempt}",
        parts=_parts(folder, claim),
        progress=lease.tick,
        by=claim.by,
        note=noted,
    )


def _parts(folder: Path, claim: Claim) -> tuple[Path, ...]:
    for name, sha256 in claim.parts:
        path = folder / name
        if not path.is_file() or sha256_file(path) != sha256:
            raise WrongState(
                f"The part {name} of job {claim.job_id} is not as it was written; cancel this job and start it anew."
            )
    return tuple(folder / name for name, _ in claim.parts)


def _keep_result(output: Path, made: Made | None) -> None:
    """Write what was made, where the function itself wrote nothing: every shard ends with a file."""
    if not output.exists():
        output.write_text(json.dumps({"artefact": made.id if made else None}))


def _commit(database: Database, settings: Settings, claim: Claim, output: Path, sha256: str, made: Made | None) -> None:
    with database.transaction() as session:
        won = claim.update(
            session,
            state=ShardState.DONE,
            output=output.name,
            sha256=sha256,
            lease=None,
            error=None,
            finished=now(),
        )
        if won:
            job = session.get_one(Job, claim.job_id)
            if made:
                session.merge(_artefact(settings, made, session.get(Artefact, made.id), job.owner_id))
                job.artefact_id = made.id
            note(session, claim.job_id, "Done.", idx=claim.idx)
    if not won:
        output.unlink(missing_ok=True)
        raise LeaseLostError


def _artefact(settings: Settings, made: Made, there: Artefact | None, owner_id: int | None) -> Artefact:
    """The row of what was made; making the same thing again adds facts and keeps its name, maker and date."""
    return Artefact(
        id=made.id,
        kind=made.kind,
        name=there.name if there else made.name,
        folder=str(made.folder.resolve().relative_to(settings.data_root.resolve())),
        state="ready",
        parents=list(made.parents),
        facts={**(there.facts if there else {}), **made.facts},
        created=there.created if there else now(),
        owner_id=there.owner_id if there else owner_id,
    )


def _give_up(database: Database, claim: Claim, *, state: ShardState, text: str, tries: int | None = None) -> None:
    values = {"state": state, "lease": None, "ticket": None, "tries": claim.tries if tries is None else tries}
    with database.transaction() as session:
        if claim.update(session, **values):
            note(session, claim.job_id, text, idx=claim.idx)


def _record_failure(database: Database, settings: Settings, claim: Claim, error: Exception) -> None:
    """Send the shard back for another try, or let it fail: for good where a second try cannot help."""
    logger.error("Shard %s/%s failed.", claim.job_id, claim.idx, exc_info=error)
    last = is_domain_error(error) or claim.tries >= settings.max_attempts
    with database.transaction() as session:
        pause = settings.backoff_s**claim.tries
        held = claim.update(
            session,
            state=ShardState.FAILED if last else ShardState.PENDING,
            lease=None,
            ticket=None,
            not_before=0.0 if last else clock(session) + pause,
            error=reason_of(error),
            finished=now() if last else None,
        )
        if not held:
            return
        note(session, claim.job_id, reason_of(error), idx=claim.idx, level="error")
        if not is_domain_error(error):
            note(session, claim.job_id, trace_of(error), idx=claim.idx, level="debug")
        if not last:
            note(session, claim.job_id, f"Tried again in {pause:g} s.", idx=claim.idx, level="warning")
