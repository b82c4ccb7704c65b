"""Alfresco's dialect: zip jobs over finished downloads, their content, and a login for its JavaScript client."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping, MutableMapping
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import Response

from tui_downloads import wire
from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Kind
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.caller import READ
from tui_downloads.engine.owned import OwnedEngine

from ..auth import Session, credential
from ..dialect import Context, Dialect, Endpoint, door_of, install, session_of
from ..guard import peer_of
from ..problem import Problem
from ..serve_file import FileAnswer, NotServable, open_download
from ._alfresco_cleaner import Cleaner
from ._alfresco_nodes import (
    EXCEEDED,
    LIMIT,
    TOTAL_BYTES,
    TOTAL_FILES,
    Nodes,
    Refusal,
    absent,
    entry,
    read_fields,
    totals,
    zip_name,
)

log = logging.getLogger(__name__)

NAME = "alfresco"
BASE = "/alfresco/api/-default-/public/alfresco/versions/1"
LOGIN = "/alfresco/api/-default-/public/authentication/versions/1/tickets"
CONTENT = BASE + "/nodes/{id}/content"
STACK_TRACE = "For security reasons the stack trace is not shown."
DESCRIPTION_URL = "https://api-explorer.alfresco.com"

ERROR_KEYS: dict[int, str] = {
    400: "framework.exception.InvalidArgument",
    401: "framework.exception.NotAuthenticated",
    403: "framework.exception.PermissionDenied",
    404: "framework.exception.EntityNotFound",
    405: "framework.exception.UnsupportedResourceOperation",
    409: "framework.exception.ConstraintViolated",
    413: "framework.exception.RequestEntityTooLarge",
    415: "framework.exception.UnsupportedMediaType",
    416: "framework.exception.RequestedRangeNotSatisfiable",
    429: "framework.exception.TooManyRequests",
    503: "framework.exception.DisabledService",
    507: "framework.exception.InsufficientStorage",
}
"""Every other status is `framework.exception.ApiDefault`."""

ENDPOINTS = (
    Endpoint("POST", BASE + "/downloads"),
    Endpoint("GET", BASE + "/downloads/{id}"),
    Endpoint("DELETE", BASE + "/downloads/{id}"),
    Endpoint("GET", CONTENT),
    Endpoint("DELETE", BASE + "/nodes/{id}"),
    Endpoint("POST", LOGIN, READ, "alfresco-login"),
    Endpoint("GET", LOGIN + "/-me-"),
    Endpoint("DELETE", LOGIN + "/-me-", READ),
)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with JSON."""
    return Response(wire.to_bytes(body), status, dict(headers or {}), media_type="application/json")


def error(status: int, summary: str, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with an error; its id is in the log."""
    mark = str(uuid.uuid4())
    if status >= 500:
        log.warning("answered %d; logId %s", status, mark)
    body = {
        "errorKey": ERROR_KEYS.get(status, "framework.exception.ApiDefault"),
        "statusCode": status,
        "briefSummary": summary,
        "stackTrace": STACK_TRACE,
        "descriptionURL": DESCRIPTION_URL,
        "logId": mark,
    }
    return answer({"error": body}, status, headers)


def render(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    """Tell a problem in Alfresco's shape; what others call unprocessable is a bad request here."""
    return error(400 if problem.status == 422 else problem.status, problem.detail, problem.headers)


def make(context: Context) -> Dialect:
    """Make the dialect."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    install(app, render)

    async def on_refusal(request: Request, exc: Exception) -> Response:
        assert isinstance(exc, Refusal)
        return error(exc.status, exc.summary)

    app.add_exception_handler(Refusal, on_refusal)
    cleaner = Cleaner(context.engine, NAME, age=context.settings.alfresco_cleaner_age, now=context.now)
    try:
        asyncio.get_running_loop()
        cleaner.start()
    except RuntimeError:
        pass  # made outside a loop: the first request starts it
    _downloads(app, context, cleaner)
    _nodes(app, context)
    _tickets(app, context)
    return Dialect(
        NAME,
        app,
        ENDPOINTS,
        render,
        owns=("/alfresco",),
        basic=True,
        ticket_query="alf_ticket",
        ticket_paths=(CONTENT,),
    )


def _mine(context: Context, request: Request) -> tuple[OwnedEngine, Nodes]:
    engine = context.engine_for(session_of(request))
    return engine, Nodes(context, engine)


async def _job(nodes: Nodes, id: str) -> DownloadView:
    """Give a zip job.

    Raises:
        Refusal: 404, 403, or 400 when the node is none.
    """
    view = await nodes.find(id)
    if view.kind is not Kind.BUNDLE:
        if view.state is not State.COMPLETE:
            raise absent(id)
        raise Refusal(400, "NodeId of a download node is expected.")
    return view


def _downloads(app: FastAPI, context: Context, cleaner: Cleaner) -> None:
    """Add the routes of zip jobs."""

    @app.post(BASE + "/downloads", response_model=None)
    async def create(request: Request) -> Response:
        cleaner.start()
        session = session_of(request)
        engine, nodes = _mine(context, request)
        ids = read_ids(await request.body(), context.settings.max_bulk)
        view = await start(engine, await nodes.sources(ids), context.settings.alfresco_max_content)
        context.audit("add", session.user, session.peer, kind="bundle", id=view.id, nodes=len(ids))
        told = entry(view, read_fields(request.query_params.getlist("fields")))
        # The job is new whatever has happened to it since it was stored.
        fresh = {"filesAdded": 0, "bytesAdded": 0, "totalFiles": 0, "totalBytes": 0, "status": "PENDING"}
        return answer({"entry": {name: fresh.get(name, value) for name, value in told.items()}}, 202)

    @app.get(BASE + "/downloads/{id}", response_model=None)
    async def look(request: Request, id: str) -> Response:
        view = await _job(_mine(context, request)[1], id)
        return answer({"entry": entry(view, read_fields(request.query_params.getlist("fields")))})

    @app.delete(BASE + "/downloads/{id}", response_model=None)
    async def cancel(request: Request, id: str) -> Response:
        engine, nodes = _mine(context, request)
        await _job(nodes, id)
        found = (await engine.cancel([id]))[0].error
        if isinstance(found, NotFound):
            raise absent(id)
        if found is not None and not isinstance(found, Conflict):
            raise found
        return Response(status_code=202)


def read_ids(body: bytes, most: int) -> list[str]:
    """Read the node ids of a new zip job: a list that is not empty and has none twice.

    Raises:
        Refusal: 400.
    """
    try:
        found = wire.parse(body)
    except RequestError:
        raise Refusal(400, "Could not read content from HTTP request body: it is not valid JSON.") from None
    ids = found.get("nodeIds") if isinstance(found, dict) else None
    if ids is None or ids == []:
        raise Refusal(400, "nodeIds should not be empty.")
    if not isinstance(ids, list) or not all(isinstance(id, str) and id for id in ids):
        raise Refusal(400, "nodeIds should be a list of node ids.")
    if len(set(ids)) != len(ids):
        raise Refusal(400, "nodeIds should not have duplicates.")
    if len(ids) > most:
        raise Refusal(400, f"nodeIds should not have more than {most} ids.")
    return ids


async def start(engine: OwnedEngine, nodes: list[DownloadView], limit: int) -> DownloadView:
    """Start a zip job; one that is too large is stored and never runs.

    Raises:
        TuiDownloadsError: the engine refuses it.
    """
    files, size = totals(nodes)
    name = zip_name(nodes)
    too_large = 0 < limit < size
    source: dict[str, Any] = {"ids": [node.id for node in nodes]}
    meta: dict[str, Any] = {TOTAL_FILES: files, TOTAL_BYTES: size}
    if limit > 0:
        source["max_bytes"] = meta[LIMIT] = limit
    if too_large:
        meta[EXCEEDED] = True
    wish = AddRequest(
        "", kind=Kind.BUNDLE, name=name, title=name, dialect=NAME, source=source, meta=meta, paused=too_large
    )
    outcome = (await engine.add([wish]))[0]
    if outcome.error is not None:
        if outcome.error.code is Code.NOT_FOUND:
            raise absent(nodes[0].id)
        raise outcome.error
    if too_large:
        outcome = (await engine.cancel([outcome.id]))[0]
    assert outcome.download is not None
    return outcome.download


def _nodes(app: FastAPI, context: Context) -> None:
    """Add the routes of nodes: content and deletion."""

    @app.get(CONTENT, response_model=None)
    async def content(request: Request, id: str) -> Response:
        session = session_of(request)
        engine, nodes = _mine(context, request)
        await nodes.find(id)
        detail = await engine.get(id)
        view = detail.download
        if view.state is not State.COMPLETE:
            raise absent(id)
        if view.files_total > 1 and view.kind is not Kind.BUNDLE:
            raise Refusal(400, "NodeId of content is expected; this is a folder.")
        attachment = read_flag(request.query_params.get("attachment"), default=True)
        try:
            opened = await open_download(detail, "1", name=content_name(view))
        except NotServable:
            raise absent(id) from None
        alive = context.auth.alive
        return FileAnswer(
            opened,
            attachment=attachment,
            render=render,
            alive=lambda: alive(session),
            max_ranges=context.settings.max_ranges,
        )

    @app.delete(BASE + "/nodes/{id}", response_model=None)
    async def delete(request: Request, id: str) -> Response:
        read_flag(request.query_params.get("permanent"), default=False)
        session = session_of(request)
        engine, nodes = _mine(context, request)
        view = await nodes.find(id)
        if view.kind is not Kind.BUNDLE and view.state is not State.COMPLETE:
            raise absent(id)
        found = (await engine.remove([view.id], files=True))[0].error
        if isinstance(found, NotFound):
            raise absent(id)
        if found is not None:
            raise found
        context.audit("remove", session.user, session.peer, id=view.id, files=True)
        return Response(status_code=204)


def content_name(view: DownloadView) -> str:
    """Give the name content is offered under: a zip's as it was made, however the disk had to number it."""
    return (view.title or view.name) if view.kind is Kind.BUNDLE else view.name


def read_flag(value: str | None, *, default: bool) -> bool:
    """Read a boolean of the query.

    Raises:
        Refusal: 400; a flag that is misunderstood would do the wrong thing.
    """
    if value is None or value == "":
        return default
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Refusal(400, "A flag is true or false.")


def _tickets(app: FastAPI, context: Context) -> None:
    """Add the routes of tickets, which the public client logs in with."""
    auth = context.auth

    @app.post(LOGIN, response_model=None)
    async def login(request: Request) -> Response:
        peer = peer_of(request.scope)
        user, password = read_login(await request.body())
        session: Session | None = auth.local(door_of(request), peer) or auth.by_secret(password, peer)
        if session is None:
            refused = auth.failed(peer, "Login failed.")
            await asyncio.sleep(refused.delay)
            headers = {"retry-after": str(refused.retry_after)} if refused.retry_after else {}
            return error(429 if refused.retry_after else 403, refused.detail, headers)
        context.audit("login", session.user, peer)
        return answer({"entry": {"id": auth.ticket(session), "userId": user}}, 201)

    @app.get(LOGIN + "/-me-", response_model=None)
    async def validate(request: Request) -> Response:
        return answer({"entry": {"id": _ticket(request)}})

    @app.delete(LOGIN + "/-me-", response_model=None)
    async def logout(request: Request) -> Response:
        auth.end_ticket(_ticket(request))
        return Response(status_code=204)

    def _ticket(request: Request) -> str:
        ticket = credential(request.headers.get("authorization", ""), basic=True)[1]
        if not ticket or auth.by_ticket(ticket) is None:
            raise Refusal(404, "There is no ticket; log in first.")
        return ticket


def read_login(body: bytes) -> tuple[str, str]:
    """Read user and password.

    Raises:
        Refusal: 400.
    """
    try:
        found = wire.parse(body)
    except RequestError:
        raise Refusal(400, "Could not read content from HTTP request body: it is not valid JSON.") from None
    user = found.get("userId") if isinstance(found, dict) else None
    password = found.get("password") if isinstance(found, dict) else None
    if not isinstance(user, str) or not isinstance(password, str) or not user or not password:
        raise Refusal(400, "userId and password are needed.")
    return user[:256], password
