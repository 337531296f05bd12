"""Files that come in: counted while they arrive, named by their hash, kept in the data root."""

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

from flask import Flask, Request, current_app, request
from werkzeug.datastructures import FileStorage

from webapp.context import context
from webapp.file_names import shown_name
from webapp.problems import Refusal
from webapp.records.artefacts import Upload

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_CHUNK = 1024 * 1024
_FORM_BYTES = 1024 * 1024  # Of a request whose view takes no file.
_SUFFIX = re.compile(r"\.[a-z0-9]{1,12}")

View = TypeVar("View", bound=Callable[..., Any])


class StreamedRequest(Request):
    """A request whose file parts go to the data root's own disk while they arrive, not to a small /tmp."""

    def __init__(self, environ: "WSGIEnvironment", populate_request: bool = True, shallow: bool = False) -> None:
        """A request that has opened no file yet."""
        super().__init__(environ, populate_request, shallow)
        self.opened: list[IO[bytes]] = []

    def _get_file_stream(self, *_args: object, **_kwargs: object) -> IO[bytes]:
        self.opened.append(tempfile.TemporaryFile("rb+", dir=_work_folder()))  # noqa: SIM115 - closed at the end of the request.
        return self.opened[-1]


@dataclass(frozen=True)
class Kept:
    """A file as it lies in the data root."""

    sha256: str
    size: int
    path: Path


def takes(limit: str) -> Callable[[View], View]:
    """Mark a view that takes a file of up to the bytes that this field of the settings names."""

    def mark(view: View) -> View:
        view.max_bytes = limit  # type: ignore[attr-defined]  # Read in `_limit_body`.
        return view

    return mark


def install_body_limits(app: Flask) -> None:
    """Bound every body before anything reads it."""
    app.request_class = StreamedRequest
    app.config["MAX_CONTENT_LENGTH"] = _FORM_BYTES
    app.config["MAX_FORM_PARTS"] = 200
    app.before_request(_limit_body)
    app.teardown_request(_close_files)


def read_limited(stream: IO[bytes], limit: int) -> bytes:
    """Everything that a stream holds.

    Raises:
        Refusal: it holds more than the limit.
    """
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise too_large(limit)
    return data


def keep_bytes(data: bytes, *, suffix: str = "") -> Kept:
    """Write bytes into the data root's uploads."""
    sha256 = hashlib.sha256(data).hexdigest()
    path = _folder() / (sha256 + suffix)
    if not path.exists():
        draft = _draft()
        draft.write_bytes(data)
        draft.replace(path)
    return Kept(sha256, len(data), path)


def keep_stream(stream: IO[bytes], name: str, limit: int) -> Kept:
    """Write a stream into the data root's uploads, counting; nothing stays of one that is too large or empty.

    Raises:
        Refusal: it holds more bytes than the limit, or none.
    """
    received = _receive(stream, name, limit)
    path = _folder() / (received.sha256 + _suffix(name))
    received.path.replace(path)
    return Kept(received.sha256, received.size, path)


def keep_upload(files: list[FileStorage], *, owner_id: int | None) -> Upload:
    """Keep the files of a form as one upload: a single file, or a folder of several.

    Raises:
        Refusal: one is empty, too large, or called as another is.
    """
    names = [shown_name(file.filename) for file in files]
    limit = context().settings.max_upload_bytes
    if len(files) == 1:
        return _record(names[0], keep_stream(files[0].stream, names[0], limit), owner_id)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        detail = f"{', '.join(twice)}: two files have this name."
        raise Refusal(422, "same_name", "Two files of one name", detail, "Give each file its own name.")
    draft = _draft()
    draft.mkdir()
    try:
        parts = []
        for name, file in zip(names, files, strict=True):
            parts.append(_receive(file.stream, name, limit))
            parts[-1].path.replace(draft / name)
        # Names count: the same bytes under other names are another folder.
        named = sorted([name, part.sha256] for name, part in zip(names, parts, strict=True))
        digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
        folder = _folder() / digest
        if not folder.exists():
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    whole = Kept(digest, sum(part.size for part in parts), folder)
    return _record(", ".join(names), whole, owner_id)


def keep_body(name: str, *, owner_id: int | None) -> Upload:
    """Keep the raw body of this request as one upload."""
    kept = keep_stream(request.stream, name, context().settings.max_upload_bytes)
    return _record(name, kept, owner_id)


def too_large(limit: int) -> Refusal:
    """The refusal of a file beyond the limit."""
    detail = f"The file is larger than the {limit // (1024 * 1024)} MiB that are accepted here."
    return Refusal(413, "too_large", "File too large", detail, "Send a smaller file.")


def _receive(stream: IO[bytes], name: str, limit: int) -> Kept:
    """The stream as a draft that the caller puts into its place."""
    draft, digest, size = _draft(), hashlib.sha256(), 0
    try:
        with draft.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise too_large(limit)
                digest.update(chunk)
                file.write(chunk)
            if not size:
                raise Refusal(422, "empty_file", "The file is empty", f"{name} holds 0 bytes.", "Choose another file.")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return Kept(digest.hexdigest(), size, draft)


def _record(name: str, kept: Kept, owner_id: int | None) -> Upload:
    place = context()
    relative = str(kept.path.relative_to(place.settings.data_root))
    row = Upload(sha256=kept.sha256, name=name[:255], size=kept.size, path=relative, owner_id=owner_id)
    with place.database.transaction() as session:
        session.add(row)
    return row


def _limit_body() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if name := getattr(view, "max_bytes", None):
        # A form around the file takes some bytes too; the file itself is counted where it is kept.
        request.max_content_length = getattr(context().settings, name) + _FORM_BYTES
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        detail = "The body is compressed by Content-Encoding."
        raise Refusal(415, "content_encoding", "Encoding not accepted", detail, "Send it as it is.")


def _close_files(_error: BaseException | None) -> None:
    # Of a form that is refused in its middle, nobody else knows the files.
    for file in cast(StreamedRequest, request).opened:
        file.close()


def _folder() -> Path:
    folder = context().path("uploads")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _work_folder() -> Path:
    folder = context().path("work")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _draft() -> Path:
    return _work_folder() / f"upload-{secrets.token_hex(8)}"


def _suffix(name: str) -> str:
    suffixes = [part.lower() for part in PurePosixPath(name).suffixes[-2:]]
    wanted = suffixes if suffixes[-1:] == [".gz"] else suffixes[-1:]
    return "".join(part for part in wanted if _SUFFIX.fullmatch(part))
