"""How a refusal or a failure is told: cause, next step and a reference, as a page or as JSON."""

import logging
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any

from apiflask import HTTPError
from flask import Flask, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadRequest, HTTPException, SecurityError

from webapp.errors import answer_for
from webapp.places import nearest_list

_LOG = logging.getLogger(__name__)
_API = "/api/"
_LOCATIONS = ("json", "query", "files", "form", "headers")

# What a person can do next, by status, where the error itself does not say it.
_NEXT = {
    400: "Go back, reload the page and send the form again.",
    401: "Send a valid key in the header X-API-Key; an administrator makes one under API keys.",
    403: "Go back, or ask an administrator to do this.",
    404: "Check the address, or start again from the first page.",
    405: "See /api/v1/docs for what this address answers to.",
    409: "Reload the page to see how things stand now.",
    413: "Send a smaller file.",
    415: "Send a PNG, JPEG, TIFF, BMP or single-frame DICOM file.",
    422: "Mend what is named above and send it again.",
    429: "Wait a minute, then try again.",
    500: "Try again; if it happens twice, give the reference to whoever runs Scangate.",
    503: "Try again in a minute; if it stays so, tell whoever runs Scangate.",
}

# The same by code, where the status is that of errors with another way out.
_NEXT_OF = {
    "broken_history": "Look at the history of what is named above and verify it, which tells everything that differs. "
    "Then bring its whole folder back from a backup. Where there is none and it is right as it is, vouch for it anew "
    "by name: python -m pipeline trust ID --anew --by NAME --why REASON.",
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What went wrong and what to do about it."""

    status: int
    code: str
    title: str
    detail: str
    next_step: str
    reference: str


class Refusal(HTTPException):
    """A refusal with its own code and next step."""

    def __init__(self, status: int, code: str, title: str, detail: str, next_step: str = "") -> None:
        super().__init__(description=detail)
        self.code = status
        self.word, self.title, self.next_step = code, title, next_step
        self.fields: dict[str, object] = {}


def install_problems(app: Flask) -> None:
    """Answer every error with a problem."""
    app.register_error_handler(Exception, _answer)
    app.register_error_handler(HTTPError, _answer)  # APIFlask has a handler of its own, which this replaces.


def problem_of(error: Exception) -> Problem:
    """The problem that an exception is to the one who asked."""
    reference = secrets.token_hex(5)
    if isinstance(error, Refusal):
        status = error.code or 400
        step = error.next_step or _next(status)
        return _problem(status, error.word, error.title, str(error.description), step, reference)
    if isinstance(error, CSRFError):
        detail = "The form came without its protection token, or the session it belonged to has ended."
        return _problem(400, "csrf", "Form not accepted", detail, _next(400), reference)
    if isinstance(error, HTTPError):
        status = error.status_code
        told = " ".join(_sentences(error.detail)) or error.message or "The request is not as it must be."
        return _problem(status, _code(status), "Request not accepted", told, _next(status), reference)
    if isinstance(error, BadRequest) and request.path.startswith(_API) and request.is_json:
        detail = "The body is not JSON that can be read."
        step = "Send one JSON object, with the header Content-Type: application/json."
        return _problem(400, "bad_json", "Request not accepted", detail, step, reference)
    if isinstance(error, HTTPException):
        status = error.code or 500
        return _problem(status, _code(status), error.name, _description(error), _next(status), reference)
    if answer := answer_for(error):
        step = _NEXT_OF.get(answer.code) or _next(answer.status)
        return _problem(answer.status, answer.code, answer.title, str(error), step, reference)
    detail = "Scangate met an error that it did not expect. Nothing was changed by this request."
    return _problem(500, "internal", "Something went wrong", detail, _next(500), reference)


def problem_json(found: Problem) -> dict[str, dict[str, str]]:
    """The problem as the API tells it."""
    told = asdict(found)
    told.pop("status")
    return {"error": told}


def _answer(error: Exception) -> ResponseReturnValue:
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error.get_response()
    found = problem_of(error)
    if found.status >= 500 and not isinstance(error, HTTPException):
        _LOG.error("reference %s: %s", found.reference, request.endpoint, exc_info=error)
    else:
        _LOG.info("reference %s: %s %s", found.reference, found.status, found.code)
    response = _told(error, found)
    response.status_code = found.status
    if found.status in (429, 503):
        response.headers.setdefault("Retry-After", "60")
    return response


def _told(error: Exception, found: Problem) -> Response:
    if request.path.startswith(_API):
        extra = error.fields if isinstance(error, Refusal) else {}
        return jsonify({**problem_json(found), **extra})
    if isinstance(error, SecurityError):
        # No page can be drawn for a host that is not ours: there is no address to link to.
        return Response(f"{found.title}: {found.detail}\n", mimetype="text/plain")
    page = render_template("errors/error.html", problem=found, nearest=nearest_list())
    return Response(page, mimetype="text/html")


def _problem(status: int, code: str, title: str, detail: str, next_step: str, reference: str) -> Problem:
    return Problem(status=status, code=code, title=title, detail=detail, next_step=next_step, reference=reference)


def _sentences(detail: Any, where: str = "") -> Iterator[str]:
    """What is wrong with each field of a request, one sentence each."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            # The first level says only whether it was the body, the query or a file.
            yield from _sentences(inner, f"{where}.{name}".strip(".") if where or name not in _LOCATIONS else "")
    elif isinstance(detail, list):
        yield from (f"{where}: {item}" if where else str(item) for item in detail)


def _code(status: int) -> str:
    try:
        return HTTPStatus(status).name.lower()
    except ValueError:
        return "error"


def _next(status: int) -> str:
    return _NEXT.get(status, _NEXT[500 if status >= 500 else 400])


def _description(error: HTTPException) -> str:
    return {
        404: "There is nothing at this address.",
        413: "The file or form is larger than is accepted here.",
        429: f"Too many requests: {error.description}.",
    }.get(error.code or 500, str(error.description))
