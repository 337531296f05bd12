"""The places of the main navigation, by role."""

from contextlib import suppress
from typing import Any

from flask import Flask, current_app, request, url_for
from flask_security import current_user
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RoutingException

from pipeline.attacks.names import type_name
from pipeline.attacks.radii import radius_words
from pipeline.words import counted, percent
from webapp.context import is_admin
from webapp.decisions import attack_words, suspicion
from webapp.queries.artefacts import WORDS
from webapp.queries.jobs import artefact_url

_EVERYBODY = (("Start", "home.show"), ("Screen", "screening.new"), ("Screenings", "screening.index"))
_ADMINS = (
    ("Data sets", "datasets.index"),
    ("Classifiers", "classifiers.index"),
    ("Adversarial sets", "adversarial.index"),
    ("Detectors", "detectors.index"),
    ("Gates", "gates.index"),
    ("Poisoning lab", "poisoning.index"),
    ("Jobs", "jobs.index"),
    ("API keys", "keys.index"),
)
_PART_OF = {
    "audits": "poisoning",
    "poisoning_finding": "poisoning",
    "poisoning_repair": "poisoning",
    "trusted": "datasets",
}
"""Blueprints without a place of their own, and whose place they belong to."""


_LISTS = {
    "screening.index": "screenings",
    "datasets.index": "data sets",
    "trusted.index": "trusted subsets",
    "classifiers.index": "classifiers",
    "adversarial.index": "adversarial sets",
    "detectors.index": "detectors",
    "gates.index": "gates",
    "poisoning.index": "runs of the poisoning lab",
    "poisoning_finding.index": "searches for poison",
    "poisoning_repair.index": "repairs",
    "audits.index": "audits",
    "jobs.index": "jobs",
    "keys.index": "API keys",
}
"""The pages that list something, and what."""


def nearest_list() -> tuple[str, str] | None:
    """What is listed by the nearest page above this address, and that page; None where there is none to be seen."""
    if not current_user or not current_user.is_authenticated:
        return None
    addresses, path = current_app.url_map.bind(""), request.path
    while path := path.rstrip("/").rpartition("/")[0]:
        for one in (f"{path}/", path):
            with suppress(HTTPException, RoutingException):
                endpoint, _ = addresses.match(one, method="GET")
                if endpoint in _LISTS and (endpoint == "screening.index" or is_admin()):
                    return _LISTS[endpoint], url_for(endpoint)
    return None


def install_places(app: Flask) -> None:
    """Tell every template where one can go, who one is, and how things are called."""
    app.context_processor(_places)
    app.add_template_filter(type_name, "attack_name")
    app.add_template_filter(attack_words, "attack_words")
    app.add_template_filter(suspicion, "suspicion")
    app.add_template_filter(radius_words, "radius_words")
    app.add_template_filter(counted, "counted")
    app.add_template_filter(percent, "percent")
    app.add_template_filter(WORDS.__getitem__, "kind_name")
    app.add_template_global(artefact_url)


def _places() -> dict[str, Any]:
    if not current_user or not current_user.is_authenticated:
        return {"places": [], "is_admin": False}
    admin = is_admin()
    shown = _EVERYBODY + (_ADMINS if admin else ())
    places = [{"name": name, "url": url_for(endpoint), "current": _is_here(endpoint)} for name, endpoint in shown]
    return {"places": places, "is_admin": admin}


def _is_here(endpoint: str) -> bool:
    here = request.endpoint or ""
    if "screening.new" in (here, endpoint):
        return here == endpoint
    blueprint = here.partition(".")[0]
    return _PART_OF.get(blueprint, blueprint) == endpoint.partition(".")[0]
