"""API keys: make one, revoke one."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_security import current_user

from webapp.accounts import create_key, list_keys, revoke_key
from webapp.context import database
from webapp.forms.keys import KeyForm
from webapp.routes import ROW_ID

bp = Blueprint("keys", __name__, url_prefix="/api-keys")


@bp.route("/", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Every key and the form of a new one, whose secret is shown this once."""
    form, secret = KeyForm(), None
    if form.validate_on_submit():
        _, secret = create_key(
            database(),
            owner_email=current_user.email,
            name=form.name.data,
            scope=form.scope.data,
            days=form.days.data,
        )
    page = render_template("keys/list.html", keys=list_keys(database()), form=form, secret=secret)
    return page, 422 if form.errors else 200


@bp.post(f"/<{ROW_ID}:key_id>/revoke")
def revoke(key_id: int) -> ResponseReturnValue:
    """End a key for good."""
    revoke_key(database(), key_id)
    return redirect(url_for("keys.index"))
