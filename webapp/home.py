"""The first page: what stands, and the next step for each role."""

from flask import Blueprint, render_template, url_for

from webapp.context import is_admin, user_id
from webapp.queries.artefacts import Standing, active_gate, idle_gate, standing
from webapp.queries.screenings import counts_by_verdict, screenings_page

bp = Blueprint("home", __name__)

# What an administrator makes, in order: kind, words, the page to begin at.
_CHAIN = (
    ("dataset", "Import a clean data set", "datasets.new"),
    ("classifier", "Train or import a classifier", "classifiers.train"),
    ("adversarial", "Build an adversarial set", "adversarial.new"),
    ("detector", "Train a detector", "detectors.new"),
    ("gate", "Release a gate", "gates.new"),
)


@bp.get("/")
def show() -> str:
    """The first page of who is logged in."""
    owner_id = None if is_admin() else user_id()
    found = standing() if is_admin() else Standing({}, active_gate(), idle_gate())
    return render_template(
        "home/index.html",
        standing=found,
        steps=_steps(found) if is_admin() else [],
        counts=counts_by_verdict(owner_id),
        newest=screenings_page(1, owner_id=owner_id).rows[:5],
    )


def _steps(found: Standing) -> list[dict[str, object]]:
    steps: list[dict[str, object]] = []
    for kind, words, endpoint in _CHAIN:
        n_made = found.counts.get(kind, 0)
        is_next = not n_made and all(step["n_made"] for step in steps)
        steps.append({"words": words, "n_made": n_made, "next": is_next, "url": url_for(endpoint)})
    return steps
