"""Watch, cancel and resume jobs."""

from typing import Any

from apiflask import APIBlueprint
from flask.typing import ResponseReturnValue

from webapp.api.documented import documented
from webapp.api.orders import job_json
from webapp.api.schemas import JobPage, JobTold, ListOf, page_json
from webapp.context import jobs
from webapp.queries.jobs import jobs_page
from webapp.routes import ROW_ID

bp = APIBlueprint("api_jobs", __name__, url_prefix="/api/v1/jobs", tag="Jobs")


@bp.get("")
@bp.input(ListOf, location="query")
@bp.output(JobPage)
@documented(bp)
def index(query_data: dict[str, Any]) -> ResponseReturnValue:
    """List jobs, newest first."""
    page = jobs_page(query_data["page"])
    items = [job_json(jobs().progress(row.id)) for row in page.rows]
    return page_json(items, page.number, page.n_pages, page.n_total)


@bp.get(f"/<{ROW_ID}:job_id>")
@bp.output(JobTold)
@documented(bp, 404)
def show(job_id: int) -> ResponseReturnValue:
    """Read how far a job is."""
    return job_json(jobs().progress(job_id))


@bp.post(f"/<{ROW_ID}:job_id>/cancel")
@bp.output(JobTold)
@documented(bp, 404, 409)
def cancel(job_id: int) -> ResponseReturnValue:
    """Ask a job to end; what is done is kept."""
    jobs().cancel(job_id)
    return job_json(jobs().progress(job_id))


@bp.post(f"/<{ROW_ID}:job_id>/resume")
@bp.output(JobTold)
@documented(bp, 404, 409)
def resume(job_id: int) -> ResponseReturnValue:
    """Start a failed or cancelled job again where it stopped."""
    jobs().resume(job_id)
    return job_json(jobs().progress(job_id))
