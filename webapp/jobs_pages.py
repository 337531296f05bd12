"""Jobs: list, one with its progress, cancel and resume."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webapp.context import jobs
from webapp.jobs.service import JobProgress
from webapp.queries.jobs import jobs_page, listed, made_by, purpose_of
from webapp.queries.paging import page_number
from webapp.routes import ROW_ID

bp = Blueprint("jobs", __name__, url_prefix="/jobs")

_QUICK, _STEADY, _SLOW = 1, 2, 5  # Seconds between polls.


@bp.get("/")
def index() -> str:
    """Every job, newest first."""
    page = jobs_page(page_number())
    return render_template("jobs/list.html", page=page, jobs=listed(page.rows))


@bp.get(f"/<{ROW_ID}:job_id>")
def show(job_id: int) -> str:
    """One job with its progress."""
    return render_template("jobs/show.html", **_shown(job_id))


@bp.get(f"/<{ROW_ID}:job_id>/live")
def live(job_id: int) -> str:
    """The part of a job's page that changes; it asks for itself again until the job has ended."""
    return render_template("jobs/live.html", **_shown(job_id))


@bp.post(f"/<{ROW_ID}:job_id>/cancel")
def cancel(job_id: int) -> ResponseReturnValue:
    """Ask a job to end."""
    jobs().cancel(job_id)
    flash("The job ends at its next step. What is done is kept, so that it can be resumed.")
    return redirect(url_for("jobs.show", job_id=job_id))


@bp.post(f"/<{ROW_ID}:job_id>/resume")
def resume(job_id: int) -> ResponseReturnValue:
    """Start a failed or cancelled job again where it stopped."""
    jobs().resume(job_id)
    flash("The job goes on where it stopped.")
    return redirect(url_for("jobs.show", job_id=job_id))


def _shown(job_id: int) -> dict[str, object]:
    found: JobProgress = jobs().progress(job_id)
    n_polls = min(request.args.get("n", 0, type=int), 10_000)
    wait_s = _QUICK if n_polls < 30 else _STEADY if n_polls < 300 else _SLOW
    return {"job": found, "made": made_by(found), "purpose": purpose_of(found), "n_polls": n_polls, "wait_s": wait_s}
